/** What a recipe needs to say to be tortured: how to get it, and what of it is then held. */
import type { Client } from '../../../src/index.js'
import type { Random } from '../../../src/runtime/random.js'
import type { WaitOptions } from '../../../recipes/kernel/attempt.js'
import type { Claim } from '../history.js'

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

export interface TortureRecipe {
  readonly name: string
  /** @param root - a path of this recipe's own. */
  contender(zk: Client, root: string, random: Random): Contender
}

/** One of `count` keys: a few are hot. */
export function pickKey(random: Random, count: number): number {
  const among = random.next() < 0.1 ? Math.min(2, count) : count
  return Math.floor(random.next() * among)
}
