/**
 * The client under hostile frames: link, decoders, request queue and watches, as a session drives them. Each frame
 * settles its call or ends the connection, with a typed error; every call settles once; nothing else is thrown.
 */
import { ClosedError, ConnectionLossError, ZkError } from '../../src/api/errors.js'
import { Reader } from '../../src/codec/reader.js'
import { FrameSplitter } from '../../src/codec/frame.js'
import { Xid } from '../../src/protocol/constants.js'
import {
  operationByCode,
  operations,
  type Operation,
  type OperationName,
} from '../../src/protocol/operations.js'
import { ResultCode } from '../../src/protocol/result-codes.js'
import type { Random } from '../../src/runtime/random.js'
import { Link } from '../../src/session/link.js'
import { NEVER_ABSENT, type PendingWatch } from '../../src/session/pending.js'
import { Traffic } from '../../src/session/traffic.js'
import { XidCounter } from '../../src/session/xid-counter.js'
import type { Connection, ConnectionEvents, Transport } from '../../src/transport/transport.js'
import { ManualClock } from './manual-clock.js'
import { below, framed, mutate, pick, pieces, recordedFrames } from './mutate.js'
import { FuzzFailure, inWords, type CorpusInput, type Target, type Told } from './target.js'

const replies = recordedFrames('server')
const bodies = replies.map(({ body }) => body)
const byName = new Map<string, Buffer[]>()
for (const { name, body } of replies) byName.set(name, [...(byName.get(name) ?? []), body])
const none = (): void => undefined
const silent = { debug: none, info: none, warn: none, error: none }
const WAITS = 'waits for more'
const ENDPOINT = { hostName: 'server', address: '127.0.0.1', port: 2181 }
const CONNECT = {
  protocolVersion: 0,
  lastZxidSeen: 0n,
  timeoutMs: 10_000,
  sessionId: 0n,
  password: Buffer.alloc(16),
  readOnly: false,
}

/** Everything that a client may ask, with a request that was recorded. */
const asked: readonly {
  readonly name: OperationName
  readonly operation: Operation
  readonly request: unknown
}[] = recordedFrames('client').flatMap(({ name, body }) => {
  if (!Object.hasOwn(operations, name) || /ping|auth|sasl|setWatches|closeSession/.test(name)) return []
  const operation: Operation = operations[name as OperationName]
  return [
    { name: name as OperationName, operation, request: operation.request.read(new Reader(body.subarray(8))) },
  ]
})

/** One connection, both ends: what the client wrote, and the way to answer. */
class Wire implements Connection {
  readonly remoteAddress = '127.0.0.1'
  readonly loopback = true
  readonly encrypted = false
  readonly buffered = 0
  open = true
  /** Asked and not answered: xid and name, in order. */
  readonly due: { readonly xid: number; readonly name: string }[] = []
  readonly #splitter = new FrameSplitter(64 * 1024 * 1024)
  #shaken = false

  write(bytes: Buffer): boolean {
    this.#splitter.push(bytes, (frame) => {
      if (this.#shaken) {
        const name = operationByCode.get(frame.readInt32BE(4))?.key ?? ''
        this.due.push({ xid: frame.readInt32BE(0), name })
      }
      this.#shaken = true
      return true
    })
    return true
  }

  pause(): void {
    throw new FuzzFailure('a client never pauses')
  }

  resume(): void {
    throw new FuzzFailure('a client never resumes')
  }

  end(): void {
    this.open = false
  }

  destroy(): void {
    this.open = false
  }
}

/** As much of a session as it takes to have one link after another. */
class Arena {
  readonly clock = new ManualClock()
  readonly traffic: Traffic
  calls = 0
  settled = 0
  /** What the last frame came to. */
  what = ''
  wire = new Wire()
  /** The server has answered the handshake. */
  isShaken = false
  #link: Link | undefined
  #events: ConnectionEvents | undefined
  #failure: unknown

  constructor() {
    const runtime = { clock: this.clock }
    const limits = { maxRequestBytes: 1 << 20, maxPendingBytes: 1 << 26 }
    this.traffic = new Traffic({ ...limits, runtime, logger: silent, toClient: (path) => path })
    this.traffic.requests.begin(1)
  }

  get isUp(): boolean {
    return this.#link !== undefined
  }

  connect(): void {
    const wire = new Wire()
    this.wire = wire
    this.isShaken = false
    const transport: Transport = {
      resolve: async (name) => Promise.resolve([name]),
      dial: (_, events) => {
        this.#events = events
        return wire
      },
    }
    const link = new Link(
      transport,
      ENDPOINT,
      { clock: this.clock, maxFrameBytes: 16 << 20, xids: new XidCounter() },
      {
        opened: none,
        heard: () => true,
        handshake: () => {
          this.isShaken = true
          this.what = 'a session'
          this.traffic.restoreWatches(link)
          this.traffic.requests.open(link)
        },
        notification: (type, path, zxid) => {
          this.what = type >= -1 && type <= 7 ? `event ${type}` : 'an unknown event'
          this.traffic.notified(type, path, zxid)
        },
        reply: (entry, err, zxid, reader) => {
          this.what = `${entry.operation.name} ${err === 0 ? 'answered' : 'refused'}`
          this.traffic.replied(entry, err, zxid, reader)
        },
        proven: none,
        lost: (error) => this.#lost(link, error),
      },
    )
    this.#link = link
    link.sendConnect(CONNECT)
    this.clock.endTick()
  }

  #lost(link: Link, error: Error | undefined): void {
    if (link !== this.#link) this.#failure = new FuzzFailure('lost twice')
    if (!(error instanceof ZkError))
      this.#failure = new FuzzFailure(`lost for ${String(error)}`, { cause: error })
    this.#link = undefined
    this.what = `lost: ${inWords((error as { cause?: unknown } | undefined)?.cause ?? error)}`
    if ((error as { cause?: unknown } | undefined)?.cause instanceof Error)
      this.#failure = new FuzzFailure(`an engine's error: ${this.what}`, { cause: error })
    this.traffic.requests.suspend(link, error)
  }

  ask(random: Random): void {
    this.send(pick(random, asked), below(random, 2) === 0)
  }

  send({ operation, request }: (typeof asked)[number], watching: boolean): void {
    this.calls++
    const path = (request as { path?: string } | undefined)?.path ?? '/'
    const watch: PendingWatch | undefined =
      watching && operation.kind === 'read' ? { kind: 'data', path, listener: none } : undefined
    const absentIs = operation === operations.exists ? ResultCode.NO_NODE : NEVER_ABSENT
    this.traffic
      .call(operation, request, { path, watch, absentIs, finish: (reply) => reply })
      .then(none, (error: unknown) => {
        if (!(error instanceof ZkError)) this.#failure = new FuzzFailure(`rejected with ${String(error)}`)
      })
      .finally(() => this.settled++)
  }

  feed(bytes: Buffer): void {
    this.#events?.data(bytes)
    this.clock.endTick()
    if (this.#failure !== undefined) throw this.#failure as Error
  }

  /** The network ends the connection. */
  reset(): void {
    this.#events?.close(new ConnectionLossError('reset'))
    this.clock.endTick()
  }

  /** The end: everything is settled, as it should be once and for all. */
  async close(): Promise<void> {
    this.traffic.close(this.#link, new ClosedError())
    for (let turn = 0; turn < 20 && this.settled < this.calls; turn++) await Promise.resolve()
    const { size, pendingBytes } = this.traffic.requests
    if (this.#failure !== undefined) throw this.#failure as Error
    if (this.settled !== this.calls) throw new FuzzFailure(`${this.calls} calls, ${this.settled} settled`)
    if (size !== 0 || pendingBytes !== 0)
      throw new FuzzFailure(`${size} requests, ${pendingBytes} bytes left`)
    if (this.traffic.watches.size !== 0) throw new FuzzFailure(`${this.traffic.watches.size} watches left`)
  }
}

function recordedReply(name: string, random: Random): Buffer {
  const bodiesOf = byName.get(name)
  return Buffer.from(bodiesOf === undefined ? pick(random, bodies) : pick(random, bodiesOf))
}

/** A reply to what is due, an event, or an answer to nothing. */
function hostile(arena: Arena, random: Random, at: string): Buffer {
  const choice = below(random, 24)
  const body = choice === 0 ? Buffer.from(pick(random, bodies)) : recordedReply(at, random)
  const due = arena.wire.due[0]
  if (at !== 'connect' && body.length >= 16) {
    if (due !== undefined && at === due.name) body.writeInt32BE(due.xid, 0)
    if (choice === 1)
      body.writeInt32BE(pick(random, [Xid.notification, Xid.ping, Xid.auth, Xid.setWatches, 0]), 0)
    if (choice === 2) body.writeInt32BE(-below(random, 130), 12)
  }
  if (choice === 3) return framed(random.bytes(below(random, 120)), random)
  if (choice < 9) return framed(body, random)
  return framed(mutate(body, pick(random, bodies), random), random)
}

function withLength(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

async function round(random: Random, count: number, told: Told): Promise<void> {
  const arena = new Arena()
  for (let fed = 0; fed < count; fed++) {
    if (!arena.isUp) arena.connect()
    // A handshake that waits for the rest of its frame gets whatever comes next.
    const opening = !arena.isShaken && below(random, 4) === 0
    if (!arena.isShaken && !opening) arena.feed(withLength(recordedReply('connect', random)))
    if (!arena.isUp) arena.connect()
    for (let asks = 0; asks < 3 && arena.wire.due.length < 3; asks++) askAndSend(arena, random)
    const at = opening ? 'connect' : below(random, 10) === 0 ? 'event' : (arena.wire.due[0]?.name ?? 'event')
    const bytes = hostile(arena, random, at)
    told.fed({ at, bytes })
    arena.what = at === 'setWatches' ? 'taken or waits' : WAITS
    for (const piece of pieces(bytes, random)) if (arena.isUp) arena.feed(piece)
    told.outcome(arena.what)
    // A frame whose length is too large swallows those that come next: not for long.
    if (arena.isUp && arena.what === WAITS && below(random, 4) === 0) arena.reset()
    if (at !== 'event') arena.wire.due.shift()
    if (fed % 16 === 15) await Promise.resolve()
  }
  await arena.close()
}

function askAndSend(arena: Arena, random: Random): void {
  arena.ask(random)
  arena.clock.endTick()
}

async function replay({ at, bytes }: CorpusInput): Promise<string> {
  const arena = new Arena()
  arena.connect()
  const call = asked.find(({ name }) => name === at) ?? asked[0]!
  if (at !== 'connect') {
    arena.feed(withLength(byName.get('connect')![0]!))
    arena.send(call, false)
    arena.clock.endTick()
  }
  arena.what = WAITS
  arena.feed(bytes)
  const { what } = arena
  await arena.close()
  return what
}

export const clientTarget: Target = { name: 'client', round, replay }
