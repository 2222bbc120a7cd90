/** What a recipe needs to say to be tortured: how to get it, and what of it is then held. */
import type { Client } from '../../../src/index.js'
import type { Random } from '../../../src/runtime/random.js'
import type { WaitOptions } from '../../../recipes/kernel/attempt.js'
import type { Belief, Excuses } from '../check/beliefs.js'
import type { Violation } from '../check/holders.js'
import type { Claim, HistoryEvent } from '../history.js'
import type { Diary } from '../diary.js'

export interface Granted {
  readonly claims: readonly Claim[]
  readonly sessionId: bigint
  /** Read by some of the holders only: it may cost a watch. */
  readonly signal: AbortSignal
  confirm(): Promise<void>
  release(): Promise<void>
}

/** A contender: one task of a client. It picks among its recipe's keys as it likes. */
export interface Contender {
  acquire(options: WaitOptions): Promise<Granted>
}

/** What is known when a recipe judges its own. */
export interface RunSoFar {
  readonly events: readonly HistoryEvent[]
  readonly beliefs: readonly Belief[]
  readonly excuses: Excuses
}

export interface TortureRecipe {
  readonly name: string
  /** @param root - a path of this recipe's own. */
  contender(zk: Client, root: string, random: Random, diary: Diary): Contender
  /** What only this recipe promises, judged when all workers are gone and their sessions are over. */
  readonly check?: (zk: Client, root: string, run: RunSoFar) => Promise<Violation[]>
}

/** One of `count` keys: a few are hot. */
export function pickKey(random: Random, count: number): number {
  const among = random.next() < 0.1 ? Math.min(2, count) : count
  return Math.floor(random.next() * among)
}

/** For what is done when it is granted. */
export function nothing(zk: Client): Granted {
  return {
    claims: [],
    sessionId: zk.session?.id ?? 0n,
    signal: new AbortController().signal,
    confirm: async () => undefined,
    release: async () => undefined,
  }
}
