/**
 * Transactions of several that know nothing of each other, made as one: what is wanted while one is under way goes
 * together into the next, so that many claims or acknowledgements at a time cost few commits.
 *
 * - All take effect or none. When the server refuses the whole, nothing has changed: whose operation was refused is told
 *   so, and the others go together again; none suffers for another. Those who would be refused for the same reason are
 *   found by a read, as one refused transaction for each would cost as much as all their commits.
 * - After a lost reply it took effect if that is so for every one of them. If one who goes by itself afterwards can not
 *   know, it looks before it tries.
 */
import { hasCode, TransactionError } from '../../src/api/errors.js'
import type { Session, Zk } from '../../src/api/zk.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { commitSteps, type Commit, type Intent, type Step } from './step.js'

/** Each of its steps adds exactly one operation. */
export interface JointIntent extends Intent {
  /** Of the data that it writes. */
  readonly bytes: number
  /** After another one was too late: is this one so too? */
  readonly isLost?: ((limits: { readonly generation: number }) => Promise<boolean>) | undefined
}

interface Party {
  readonly session: Session
  readonly intent: JointIntent
  readonly done: Deferred<Commit>
}

/** As many as can be under way at a time: 64 acknowledgements and the next 64 claims. */
const MOST_PARTIES = 128
/** After so many refusals each goes by itself. */
const MOST_REFUSALS = 4
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
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      await this.#send(batch)
      // Those who were just told may want the next thing at once.
      await new Promise<void>((resolve) => this.#zk.runtime.clock.defer(resolve))
    }
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
    let left = batch
    for (let refusals = 0; left.length > 1; refusals++) {
      const refusal = await this.#sendTogether(left)
      if (refusal === undefined) return
      const { error, culprit, inDoubt } = refusal
      if (culprit === undefined || inDoubt || refusals === MOST_REFUSALS) {
        await Promise.all(left.map(async (party) => this.#sendAlone(party, inDoubt)))
        return
      }
      culprit.done.reject(error)
      left = await this.#without(left, culprit, error)
    }
    const [only] = left
    if (only !== undefined) await this.#sendAlone(only)
  }

  /** Undefined: all have been told. */
  async #sendTogether(batch: readonly Party[]): Promise<Refusal | undefined> {
    let inDoubt = false
    let parts: (readonly Step[])[] = []
    const steps = async (): Promise<Step[]> => {
      parts = await Promise.all(batch.map(async ({ intent }) => intent.steps()))
      return parts.flat()
    }
    const wasApplied: Intent['wasApplied'] = async (limits) => {
      inDoubt = true
      const answers = await Promise.all(batch.map(async ({ intent }) => intent.wasApplied(limits)))
      return answers.every(Boolean)
    }
    try {
      const commit = await commitSteps(this.#zk, (batch[0] as Party).session, { steps, wasApplied })
      for (const { done } of batch) done.resolve(commit)
      return undefined
    } catch (error) {
      if (error instanceof TransactionError) return { ...culpritOf(error, batch, parts), inDoubt }
      if (hasCode(error, 'REQUEST_TOO_LARGE')) return { error, culprit: undefined, inDoubt }
      for (const { done } of batch) done.reject(error)
      return undefined
    }
  }

  /** Those who are left, and would not be refused as the culprit was; the others are told the same. */
  async #without(batch: readonly Party[], culprit: Party, error: unknown): Promise<readonly Party[]> {
    const others = batch.filter((party) => party !== culprit)
    if (!(error instanceof TransactionError) || !hasCode(error.failure, 'NODE_EXISTS', 'BAD_VERSION'))
      return others
    const isLeft = await Promise.all(
      others.map(async ({ session: { generation }, intent, done }) => {
        // Of what can't be found out now the next try will tell.
        const isLost = (await intent.isLost?.({ generation }).catch(() => false)) ?? false
        // Which of its own steps it would have been is not known: as good as any.
        if (isLost) done.reject(new TransactionError(error.message, 0, error.failure))
        return !isLost
      }),
    )
    return others.filter((_, index) => isLeft[index])
  }

  async #sendAlone({ session, intent, done }: Party, inDoubt = false): Promise<void> {
    try {
      done.resolve(await commitSteps(this.#zk, session, intent, inDoubt))
    } catch (error) {
      done.reject(error)
    }
  }
}

interface Refusal {
  /** As the culprit would have met with it by itself. */
  readonly error: unknown
  readonly culprit: Party | undefined
  /** The whole may have taken effect before. */
  readonly inDoubt: boolean
}

/** Whose operation was refused. */
function culpritOf(
  error: TransactionError,
  batch: readonly Party[],
  parts: readonly (readonly Step[])[],
): Omit<Refusal, 'inDoubt'> {
  const { message, failure } = error
  let index = error.failedIndex
  for (const [at, { length }] of parts.entries()) {
    if (index < length) return { error: new TransactionError(message, index, failure), culprit: batch[at] }
    index -= length
  }
  return { error, culprit: undefined }
}
