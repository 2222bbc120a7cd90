/** Candidates that are elected, proclaim, and resign; and in each process somebody who observes. */
import { hasCode, LeaderElection, LockLostError, type Term } from 'latchkey'
import { FencedStore } from '../fenced-store.js'
import { use } from '../lock-turn.js'
import { MutexChecker } from '../mutex-checker.js'
import { ProclaimChecker, type Seen } from '../proclaim-checker.js'
import type { Checker, Play, Stage, Task, Workload } from '../workload.js'

const PATH = '/elections/simulated'

interface Observer {
  readonly over: AbortController
  /** What it was shown last; undefined: that nobody leads, or nothing yet. */
  seen: Seen | undefined
}

class ElectionPlay implements Play {
  readonly paths = [PATH]
  readonly counted = 'lead'
  readonly checkers: readonly Checker[]
  readonly #stage: Stage
  readonly #store = new FencedStore()
  /** Of each process, in its present life. */
  readonly #observers = new Map<string, Observer>()
  #values = 0
  #finishing = 0

  constructor(stage: Stage) {
    this.#stage = stage
    this.checkers = [new MutexChecker(stage, PATH), new ProclaimChecker(stage, PATH)]
  }

  async turn(task: Task): Promise<void> {
    this.#observe(task)
    const { process, below } = task
    const election = this.#election(task)
    const askedMs = this.#stage.cluster.clock.now()
    const operation = process.invoke('lead')
    const limits = below(8) === 0 ? { timeoutMs: 1 + below(2_000) } : {}
    const outcome: { isElected: boolean } = { isElected: false }
    const serve = async (term: Term): Promise<void> => {
      outcome.isElected = true
      operation.ok()
      await this.#serve(task, term, askedMs)
    }
    try {
      if (below(3) === 0) await election.lead(serve, { value: '0', ...limits })
      else await serve(await election.campaign({ value: '0', ...limits }))
      await election.resign()
      if (election.term !== undefined) this.#stage.violate('who has resigned leads no more', process.name)
    } catch (error) {
      if (!outcome.isElected) operation.fail('gave up')
      const isMeant = outcome.isElected ? error instanceof LockLostError : hasCode(error, 'TIMEOUT')
      if (!isMeant) this.#stage.violate('only what is documented is thrown', String(error))
    }
    if (below(4) === 0) await process.sleep(below(100))
  }

  #election(task: Task): LeaderElection {
    const { zk, index, process } = task
    return task.once(`election ${index}`, () => new LeaderElection(zk, PATH, { id: process.name }))
  }

  async #serve(task: Task, term: Term, askedMs: number): Promise<void> {
    const { path: znode, fencingToken: token } = term
    const grant = { path: PATH, znode, token, mode: 'write', askedMs } as const
    await use(task, this.#stage, term, [grant], this.#store, async () => {
      const times = task.below(4)
      const proclaiming: Promise<void>[] = []
      for (let i = 0; i < times; i++) {
        const done = this.#proclaim(task, term)
        if (task.below(2) === 0) proclaiming.push(done)
        else await done
      }
      await Promise.all(proclaiming)
    })
  }

  async #proclaim({ process, below }: Task, term: Term): Promise<void> {
    const value = ++this.#values
    const operation = process.invoke('proclaim', { path: term.path, value })
    try {
      await term.proclaim(String(value), below(8) === 0 ? { timeoutMs: 1 + below(50) } : {})
      operation.ok({ path: term.path, value })
    } catch (error) {
      operation.info()
      if (!hasCode(error, 'LOCK_LOST', 'TIMEOUT'))
        this.#stage.violate('only what is documented is thrown', String(error))
    }
  }

  /** One in each life of a process. */
  #observe(task: Task): void {
    task.once('observer', () => {
      const observer: Observer = { over: new AbortController(), seen: undefined }
      this.#observers.set(task.process.name, observer)
      this.#follow(task, observer).catch((error: unknown) =>
        this.#stage.violate('an observer goes on', String(error)),
      )
      return observer
    })
  }

  async #follow({ process, zk }: Task, observer: Observer): Promise<void> {
    const election = new LeaderElection(zk, PATH)
    for await (const leader of election.observe({ signal: observer.over.signal })) {
      observer.seen = undefined
      if (leader === undefined) continue
      const { path, fencingToken: token, version, value } = leader
      observer.seen = { path, token, version, value: Number(value) }
      process.invoke('see', observer.seen)
    }
  }

  /** Each is elected once more, and everybody must see what it says. Who is the last sends the observers home. */
  async finish(task: Task): Promise<void> {
    this.#observe(task)
    this.#finishing++
    const term = await this.#election(task).campaign({ value: '0' })
    const value = ++this.#values
    await term.proclaim(String(value))
    const { cluster } = this.#stage
    const end = cluster.clock.now() + this.#stage.sessionTimeoutMs
    const isSeen = ({ seen }: Observer): boolean => seen?.path === term.path && seen.value === value
    while (![...this.#observers.values()].every(isSeen)) {
      if (cluster.clock.now() > end)
        return this.#stage.violate(
          'the newest arrives',
          `${value} of ${term.path}, and it is not seen by all`,
        )
      await cluster.sleep(5)
    }
    await term.resign()
    if (--this.#finishing === 0) for (const { over } of this.#observers.values()) over.abort()
  }
}

export const leaderElection: Workload = {
  name: 'leader-election',
  weight: 1.5,
  processes: 4,
  begin: (stage) => new ElectionPlay(stage),
}
