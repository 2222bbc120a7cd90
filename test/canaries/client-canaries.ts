/** Old mistakes of clients: sessions, requests, watches, bytes. */
import type { Canary } from './canary.js'

const session = (file: string): string => `src/session/${file}.ts`
const tests = (...names: string[]): string[] => names.map((name) => `test/${name}.test.ts`)
const mutex = { recipe: 'mutex' }

export const clientCanaries: readonly Canary[] = [
  {
    name: 'expiry-never-seen-in-a-partition',
    was: 'node-zookeeper-client #20; etcd3 #155, #57: loss declared never',
    edits: [
      {
        file: session('machine'),
        find: 'return hasProof(state) ? provenAt + timeoutOf(state) : Infinity',
        replace: 'return hasProof(state) && provenAt < 0 ? 0 : Infinity',
      },
    ],
    simulation: mutex,
    unit: tests('session/machine', 'recipes/mutex-loss'),
  },
  {
    name: 'deadline-counted-from-the-answer',
    was: 'etcd3 #155: loss declared after more than the TTL',
    edits: [
      {
        file: session('link'),
        find: 'this.#events.proven(batch.sentAt)',
        replace: 'this.#events.proven(this.#clock.now())',
      },
    ],
    simulation: mutex,
    unit: tests('recipes/mutex-loss', 'client/states'),
  },
  {
    name: 'silent-server-stays-connected',
    was: 'node-zookeeper-client: no read timeout, connected 45 s into a 4 s session',
    edits: [
      {
        file: session('machine'),
        find: 'if (vitals.now >= deadAt(state, vitals)) {',
        replace: 'if (vitals.now >= deadAt(state, vitals) && vitals.now < 0) {',
      },
      {
        file: session('machine'),
        find: 'return Math.min(expiry, deadAt(state, vitals), vitals.sentAt',
        replace: 'return Math.min(expiry, vitals.sentAt',
      },
    ],
    simulation: mutex,
    unit: tests('session/machine', 'client/states'),
  },
  {
    name: 'another-session-id-accepted',
    was: 'ClickHouse Keeper #116690; node-zookeeper-client',
    edits: [
      {
        file: session('machine'),
        find: 'if (claimed?.id === reply.sessionId) {',
        replace: 'if (claimed !== undefined) {',
      },
    ],
    simulation: mutex,
    unit: tests('session/machine', 'client/states'),
  },
  {
    name: 'every-reconnect-taken-for-a-loss',
    was: 'Solr 18298, Flink 10052: churn',
    edits: [
      {
        file: session('machine'),
        find: 'if (isClosing(state)) return close(state, new ClosedError())\n  const failedRounds',
        replace:
          "if (isClosing(state)) return close(state, new ClosedError())\n  if (state.state === 'connected') return endSession({ ...state, link: { name: 'none' } }, vitals, 'session-expired', 'cut off')\n  const failedRounds",
      },
    ],
    simulation: mutex,
    unit: tests('session/machine', 'client/states'),
  },
  {
    name: 'watches-dropped-on-disconnect',
    was: 'kazoo; Curator 311',
    edits: [{ file: session('session'), find: '    this.traffic.restoreWatches(link)\n', replace: '' }],
    simulation: mutex,
    unit: tests('session/watches-reconnect'),
  },
  {
    name: 'watches-set-again-in-one-request',
    was: 'go-zookeeper #167, ZooKeeper 706: over 1 MB → endless reconnect',
    edits: [
      {
        file: session('traffic'),
        find: 'const WATCH_BATCH_BYTES = 128 * 1024',
        replace: 'const WATCH_BATCH_BYTES = 128 * 1024 * 1024',
      },
    ],
    unit: tests('session/watches-reconnect'),
  },
  {
    name: 'notification-taken-for-all-that-was-seen',
    was: 'found here: the second event of a transaction lost at a reconnect',
    edits: [
      {
        file: session('traffic'),
        find: '    this.watches.dispatch(known, path, zxid > 0n ? zxid : undefined)\n',
        replace:
          '    if (zxid > this.#lastZxid) this.#lastZxid = zxid\n    this.watches.dispatch(known, path, zxid > 0n ? zxid : undefined)\n',
      },
    ],
    unit: tests('session/watches-reconnect'),
  },
  {
    name: 'throwing-listener-ends-the-connection',
    was: 'Curator 495, kazoo: the event thread dies with a listener',
    edits: [
      {
        file: session('watches'),
        find: "      this.#logger.error({ err: error, path: event.path, type: event.type }, 'a watch listener threw')\n",
        replace: '      throw error\n',
      },
    ],
    unit: tests('session/watches'),
  },
  {
    name: 'removal-takes-the-watch-that-is-being-set',
    was: 'Curator 107, npm zookeeper: watch lost in a race of set and removal',
    edits: [
      {
        file: session('watches'),
        find: 'return this.#tables[kind].has(path) || this.#expected.has(expectation(kind, path))',
        replace: 'return this.#tables[kind].has(path)',
      },
    ],
    unit: tests('session/watches-model', 'session/watches'),
  },
  {
    name: 'too-large-a-request-is-sent',
    was: 'Fluss #4335: a request over 1 MB → disconnect loop',
    edits: [
      {
        file: session('link'),
        find: '  if (bytes > maxBytes) {',
        replace: '  if (bytes > maxBytes * 1e9) {',
      },
    ],
    unit: tests('session/requests'),
  },
  {
    name: 'writes-sent-again-after-a-reconnect',
    was: 'zk-client (npm): re-sends creates',
    edits: [
      {
        file: session('request-queue'),
        find: "(unsent || entry.operation.kind === 'read')",
        replace: '(unsent || entry.operation !== undefined)',
      },
    ],
    simulation: mutex,
    unit: tests('session/requests', 'recipes/mutex-faults'),
  },
  {
    name: 'requests-hang-after-a-disconnect',
    was: 'go-zookeeper #79, #163; Curator 673, 675, 677',
    edits: [
      {
        file: session('request-queue'),
        find: '    if (!again) return this.#lose(entry, cause)\n',
        replace: '    if (!again) return\n',
      },
    ],
    simulation: mutex,
    unit: tests('session/requests'),
  },
  {
    name: 'closed-client-hangs',
    was: 'kazoo #482, #83; Curator 720',
    edits: [
      {
        file: session('request-queue'),
        find: '    if (this.#refusal !== undefined) throw this.#refusal\n',
        replace: '',
      },
    ],
    unit: tests('session/requests'),
  },
  {
    name: 'requests-sent-before-the-credentials',
    was: 'node-zookeeper-client: queued requests go out before re-authentication',
    edits: [
      {
        file: session('session'),
        find: '    if (this.#authenticator.hasNone) return',
        replace: '    this.traffic.requests.open(link)\n    if (this.#authenticator.hasNone) return',
      },
    ],
    unit: tests('client/security'),
  },
  {
    name: 'partial-frame-survives-a-reconnect',
    was: 'node-zookeeper-client',
    edits: [
      {
        file: session('link'),
        find: 'this.#splitter = new FrameSplitter(options.maxFrameBytes)',
        replace:
          'this.#splitter = Object.assign(transport, { splitter: transport.splitter ?? new FrameSplitter(options.maxFrameBytes) }).splitter',
      },
    ],
    unit: tests('session/hostile-bytes'),
  },
  {
    name: 'negative-frame-length-accepted',
    was: 'node-zookeeper-client: a frame length of −2 kills the process',
    edits: [
      {
        file: 'src/codec/frame.ts',
        find: 'if (length < 0 || length > this.#maxBytes) {',
        replace: 'if (length > this.#maxBytes) {',
      },
    ],
    unit: tests('fuzz/fuzz', 'codec/frame'),
  },
  {
    name: 'frame-of-any-size-awaited',
    was: 'node-zookeeper-client: a declared 2 GiB frame is buffered without limit',
    edits: [
      {
        file: 'src/codec/frame.ts',
        find: 'if (length < 0 || length > this.#maxBytes) {',
        replace: 'if (length < 0) {',
      },
    ],
    unit: tests('fuzz/fuzz', 'codec/frame'),
  },
  {
    name: 'memory-set-aside-for-what-is-announced',
    was: 'node-zookeeper-client: memory by the declared length',
    edits: [
      {
        file: 'src/codec/frame.ts',
        find: 'Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(this.#buffer.length * 2, this.#needed)))',
        replace: 'Buffer.allocUnsafeSlow(this.#needed)',
      },
    ],
    unit: tests('fuzz/fuzz', 'codec/frame'),
  },
  {
    name: 'vector-of-any-count-accepted',
    was: 'hostile counts: memory by the declared count',
    edits: [
      {
        file: 'src/codec/reader.ts',
        find: 'if (count < -1 || count > this.remaining) {',
        replace: 'if (count < -1) {',
      },
    ],
    unit: tests('fuzz/fuzz', 'session/hostile-bytes'),
  },
  {
    name: 'text-longer-than-its-frame-accepted',
    was: 'hostile lengths: bytes of the next frame read as this one’s',
    edits: [
      {
        file: 'src/codec/reader.ts',
        find: 'if (length < -1 || length > this.remaining) {',
        replace: 'if (length < -1) {',
      },
      {
        file: 'src/codec/reader.ts',
        find: 'if (bytes > this.#end - at) {',
        replace: 'if (bytes > this.#view.byteLength - at) {',
      },
    ],
    unit: tests('fuzz/fuzz', 'session/hostile-bytes'),
  },
  {
    name: 'reply-of-another-request-taken',
    was: 'node-zookeeper-client, zk-client: replies matched by order alone',
    edits: [
      { file: session('link'), find: 'if (entry?.xid !== xid) {', replace: 'if (entry === undefined) {' },
    ],
    unit: tests('fuzz/fuzz', 'session/hostile-bytes'),
  },
  {
    name: 'numbers-of-requests-begin-again',
    was: 'kazoo; found here: a request is answered with what became of one of the old connection (ZOOKEEPER-2684)',
    edits: [{ file: session('session'), find: 'xids: this.#xids }', replace: 'xids: new XidCounter() }' }],
    unit: tests('session/xids'),
  },
  {
    name: 'holders-told-after-the-server-at-close',
    was: 'found here: the next one is let in while the holder still believes',
    edits: [
      {
        file: session('session'),
        find: "    this.#handle?.end('closed')\n    this.#controller.abort(new ClosedError())\n",
        replace: '',
      },
    ],
    simulation: mutex,
    unit: tests('client/close', 'recipes/mutex-loss'),
  },
  {
    name: 'ephemerals-left-behind-by-the-server',
    was: 'ZooKeeper 2355, 3471, 1367: ghost locks',
    edits: [
      {
        file: 'src/server/state.ts',
        find: '    const draft = this.draft()\n    for (const path of this.tree.ephemeralsOf(session.id)) draft.apply',
        replace:
          '    const draft = this.draft()\n    for (const path of this.tree.ephemeralsOf(session.id).slice(1)) draft.apply',
      },
    ],
    simulation: mutex,
    unit: tests('server/sessions'),
  },
]
