/**
 * Some contenders for one mutex, moved a step at a time by a property test, with messages that take as long as chance has it.
 * At each grant the server's own list of ephemerals is asked who stands first.
 */
import { Mutex, type Client, type Hold } from 'latchkey'
import { expect } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { parseSequence, compareSequence } from '../../recipes/kernel/sequence.js'
import { seededRandom } from '../../src/runtime/random.js'
import { Cluster, EXPIRY_MS, PATH } from './cluster.js'

export type Strike = 'reply lost' | 'request lost' | 'connection lost' | 'session expired' | 'znode deleted'

/** After a znode was taken away by force, news of it and of the grant may cross for so long. */
const CROSSING_MS = 200

interface Contender {
  readonly zk: Client
  readonly mutex: Mutex
  state: 'idle' | 'waiting' | 'holding'
  giveUp: AbortController
  hold: Hold | undefined
  struckAt: number
}

export class ContenderWalk implements AsyncDisposable {
  readonly cluster: Cluster
  readonly #contenders: Contender[] = []
  readonly #problems: string[] = []
  grants = 0

  private constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  static async begin(count: number, seed: number): Promise<ContenderWalk> {
    const walk = new ContenderWalk(await Cluster.start())
    const { cluster } = walk
    for (let i = 0; i < count; i++) {
      const zk = await cluster.client()
      const giveUp = new AbortController()
      const mutex = new Mutex(zk, PATH)
      walk.#contenders.push({ zk, mutex, giveUp, state: 'idle', hold: undefined, struckAt: -Infinity })
    }
    await cluster.observer()
    const random = seededRandom(seed)
    cluster.latencyMs = () => Math.floor(random.next() * 8)
    return walk
  }

  #standing(): { path: string; session: bigint }[] {
    const number = (path: string): number => parseSequence(/-lock-(.*)$/.exec(path)?.[1] ?? '') ?? 0
    return this.cluster.control
      .sessions()
      .flatMap(({ id: session, ephemerals }) => ephemerals.map((path) => ({ path, session })))
      .sort((a, b) => compareSequence(number(a.path), number(b.path)))
  }

  acquire(index: number): void {
    const contender = this.#contenders[index]!
    if (contender.state !== 'idle') return
    contender.state = 'waiting'
    contender.giveUp = new AbortController()
    contender.mutex.acquire({ signal: contender.giveUp.signal }).then(
      (hold) => this.#granted(contender, hold),
      (error: unknown) => {
        contender.state = 'idle'
        if (!contender.giveUp.signal.aborted) this.#problems.push(`acquire rejected: ${String(error)}`)
      },
    )
  }

  #granted(contender: Contender, hold: Hold): void {
    this.grants++
    contender.state = 'holding'
    contender.hold = hold
    const standing = this.#standing()
    const place = standing.findIndex(({ path }) => path === hold.path)
    const isStruck = this.cluster.clock.now() - contender.struckAt < CROSSING_MS
    if (place > 0) this.#problems.push(`${hold.path} was let in while ${standing[0]?.path} stands`)
    if (place < 0 && !isStruck) this.#problems.push(`${hold.path} was let in, and is not there`)
    if (place === 0 && standing[0]?.session !== hold.sessionId)
      this.#problems.push(`${hold.path} is another's`)
    // From here on its loss is told.
    if (hold.signal.aborted && !isStruck) this.#problems.push(`${hold.path} was lost when it was granted`)
  }

  release(index: number): void {
    const contender = this.#contenders[index]!
    if (contender.hold === undefined) return
    const { hold } = contender
    contender.hold = undefined
    hold.release().then(
      () => (contender.state = 'idle'),
      (error: unknown) => this.#problems.push(`release rejected: ${String(error)}`),
    )
  }

  giveUp(index: number): void {
    this.#contenders[index]!.giveUp.abort(new Error('enough'))
  }

  strike(index: number, how: Strike): void {
    const contender = this.#contenders[index]!
    const { control } = this.cluster
    const session = contender.zk.session?.id ?? 0n
    if (how === 'reply lost') control.dropAfter({ session })
    else if (how === 'request lost') control.dropBefore({ session })
    else if (how === 'connection lost') control.dropConnection(session)
    else this.#takeAway(contender, session, how)
  }

  #takeAway(contender: Contender, session: bigint, how: Strike): void {
    contender.struckAt = this.cluster.clock.now()
    if (how === 'session expired') return void this.cluster.control.expireSession(session)
    const mine = this.#standing().find((each) => each.session === session)
    if (mine === undefined) return
    void this.cluster.observer().then(async (observer) => observer.delete(mine.path).catch(() => undefined))
  }

  async pass(ms: number): Promise<void> {
    await this.cluster.pass(ms)
    this.check()
  }

  check(): void {
    expect(this.#problems).toEqual([])
    const { clock } = this.cluster
    for (const { hold, struckAt } of this.#contenders) {
      if (hold === undefined || hold.signal.aborted || clock.now() - struckAt < CROSSING_MS) continue
      expect(this.#standing()[0]?.path, 'the one who holds').toBe(hold.path)
    }
  }

  /** No more faults: everybody who waits has a turn, and then nothing is left. */
  async end(): Promise<void> {
    this.cluster.control.clearFaults()
    const busy = (): boolean => this.#contenders.some(({ state }) => state !== 'idle')
    for (let spent = 0; busy(); spent += 50) {
      for (let index = 0; index < this.#contenders.length; index++) this.release(index)
      if (spent > 3 * EXPIRY_MS) throw new Error('somebody waits for ever')
      await this.pass(50)
    }
    await this.pass(EXPIRY_MS)
    for (const { zk } of this.#contenders) expect(Janitor.of(zk).pending).toBe(0)
    await this.cluster.expectNothingLeft(PATH)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cluster.latencyMs = () => 1
    await this.cluster[Symbol.asyncDispose]()
  }
}
