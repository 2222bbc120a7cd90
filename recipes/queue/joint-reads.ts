/**
 * Reads of items that are wanted in the same turn, made as one request: reading each item by itself costs the servers as
 * much as claiming it.
 *
 * - Each read succeeds or fails by itself.
 * - A reply must fit into a frame (16 MB), and how large an item is is not known before it is read; a reply that is too
 *   long ends the connection. So one request asks for no more items than fit if each is as large as a znode may be (1 MB),
 *   and while items are large they are read one by one. Where servers allow larger ones, what does not come in time is read
 *   one by one, too.
 * - Servers before 3.6 have no such request: they are asked once.
 */
import { hasCode } from '../../src/api/errors.js'
import type { NodeData, Session, Zk } from '../../src/api/zk.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'

interface Wanted {
  readonly path: string
  readonly session: Session
  readonly done: Deferred<NodeData>
}

const MOST_READS = 12
/** From there on they are read one by one. */
const LARGE = 64 * 1024
const PATIENCE_MS = 10_000

export class JointReads {
  readonly #zk: Zk
  #waiting: Wanted[] = []
  #isSupported: boolean
  /** In bytes, of late. */
  #largest = 0

  constructor(zk: Zk) {
    this.#zk = zk
    this.#isSupported = zk.supports('multiRead')
  }

  /** As `get` of the client, on this session only. */
  async read(path: string, session: Session): Promise<NodeData> {
    if (!this.#isSupported) return this.#zk.get(path, { generation: session.generation })
    const done = deferred<NodeData>()
    this.#waiting.push({ path, session, done })
    if (this.#waiting.length === 1) this.#zk.runtime.clock.defer(() => this.#flush())
    return done.promise
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    const most = this.#largest > LARGE ? 1 : MOST_READS
    for (let at = 0; at < waiting.length;) {
      const session = waiting[at]?.session
      let end = at + 1
      while (end < waiting.length && end - at < most && waiting[end]?.session === session) end++
      void this.#send(waiting.slice(at, end))
      at = end
    }
  }

  async #send(batch: readonly Wanted[]): Promise<void> {
    const [first] = batch
    if (first === undefined || batch.length === 1 || !this.#isSupported) return this.#readEach(batch)
    const { generation } = first.session
    try {
      const requests = batch.map(({ path }) => ({ type: 'get', path }) as const)
      const results = await this.#zk.multiRead(requests, { generation, timeoutMs: PATIENCE_MS })
      this.#note(results.map((result) => (result.type === 'get' ? result.data.length : 0)))
      for (const [index, { done, path }] of batch.entries()) {
        const result = results[index]
        if (result?.type === 'get') done.resolve(result)
        else if (result?.type === 'error') done.reject(result.error)
        else await this.#readOne({ ...first, path, done })
      }
    } catch (error) {
      if (hasCode(error, 'UNIMPLEMENTED')) this.#isSupported = false
      if (hasCode(error, 'TIMEOUT')) this.#largest = Infinity
      await this.#readEach(batch)
    }
  }

  async #readEach(batch: readonly Wanted[]): Promise<void> {
    await Promise.all(batch.map(async (wanted) => this.#readOne(wanted)))
  }

  async #readOne({ path, session: { generation }, done }: Wanted): Promise<void> {
    try {
      const node = await this.#zk.get(path, { generation })
      this.#note([node.data.length])
      done.resolve(node)
    } catch (error) {
      done.reject(error)
    }
  }

  /** In bytes; the largest of late: what was larger long ago is forgotten bit by bit. */
  #note(sizes: readonly number[]): void {
    this.#largest = Math.max(Math.min(this.#largest, 64 * LARGE) / 2, ...sizes)
  }
}
