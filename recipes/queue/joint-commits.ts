/**
 * Transactions of several that know nothing of each other, made as one: what is wanted while one is under way goes
 * together into the next, so that many claims or acknowledgements at a time cost few commits.
 *
 * - All take effect or none. When the server refuses the whole, nothing has changed, and each goes by itself: none suffers for
 *   another.
 * - After a lost reply it took effect if that is so for every one of them. If one who goes by itself afterwards can not
 *   know, it looks before it tries.
 */
import { hasCode } from '../../src/api/errors.js'
import type { Session, Zk } from '../../src/api/zk.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { commitSteps, type Commit, type Intent, type Step } from './step.js'

/** Each of its steps adds exactly one operation. */
export interface JointIntent extends Intent {
  /** Of the data that it writes. */
  readonly bytes: number
}

interface Party {
  readonly session: Session
  readonly intent: JointIntent
  readonly done: Deferred<Commit>
}

const MOST_PARTIES = 64
/** Far enough below jute.maxbuffer (1,048,575) for what the operations add. */
const MOST_BYTES = 512 * 1024

export class JointCommits {
  readonly #zk: Zk
  readonly #waiting: Party[] = []
  #running = false

  constructor(zk: Zk) {
    this.#zk = zk
  }

  /** As {@link commitSteps}. */
  async commit(session: Session, intent: JointIntent): Promise<Commit> {
    const done = deferred<Commit>()
    this.#waiting.push({ session, intent, done })
    if (!this.#running) {
      this.#running = true
      // What is wanted in the same turn goes together.
      this.#zk.runtime.clock.defer(() => void this.#run())
    }
    return done.promise
  }

  async #run(): Promise<void> {
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) await this.#send(batch)
    this.#running = false
  }

  /** The first in line and those that fit in with it. */
  #next(): Party[] {
    const session = this.#waiting[0]?.session
    let bytes = 0
    let count = 0
    for (const { session: own, intent } of this.#waiting) {
      bytes += intent.bytes
      if (count > 0 && (own !== session || count === MOST_PARTIES || bytes > MOST_BYTES)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #send(batch: readonly Party[]): Promise<void> {
    const [first] = batch
    if (first === undefined) return
    if (batch.length === 1) return this.#sendAlone(first)
    let inDoubt = false
    const steps = async (): Promise<Step[]> =>
      (await Promise.all(batch.map(async ({ intent }) => intent.steps()))).flat()
    const wasApplied: Intent['wasApplied'] = async (limits) => {
      inDoubt = true
      const answers = await Promise.all(batch.map(async ({ intent }) => intent.wasApplied(limits)))
      return answers.every(Boolean)
    }
    try {
      const commit = await commitSteps(this.#zk, first.session, { steps, wasApplied })
      for (const { done } of batch) done.resolve(commit)
    } catch (error) {
      if (hasCode(error, 'TRANSACTION_FAILED', 'REQUEST_TOO_LARGE'))
        await Promise.all(batch.map(async (party) => this.#sendAlone(party, inDoubt)))
      else for (const { done } of batch) done.reject(error)
    }
  }

  async #sendAlone({ session, intent, done }: Party, inDoubt = false): Promise<void> {
    try {
      done.resolve(await commitSteps(this.#zk, session, intent, inDoubt))
    } catch (error) {
      done.reject(error)
    }
  }
}
