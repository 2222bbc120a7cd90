/** What a semaphore asks of a layout. */
import type { Attempt } from '../kernel/attempt.js'
import type { Claim } from '../kernel/revocation.js'
import type { Lease } from './lease.js'

/** A lease, or one that waits for one. */
export interface SemaphoreContender {
  /** As of the answer; things may have moved on. */
  readonly role: 'holder' | 'waiter'
  /** Held or asked for. Undefined for who waits in a layout whose znodes do not tell. */
  readonly permits: number | undefined
  /** What it wrote into its znodes, as text. */
  readonly id: string
  readonly znodes: readonly Claim[]
  /** Somebody has asked it to give up; its `id` is overwritten by that. */
  readonly isRevokeRequested: boolean
  readonly sessionId: bigint
  /** By the leader's wall clock. */
  readonly since: Date
  /** Of a lease of ours, what its `fencingToken` says; who waits will keep it if our layout is used. */
  readonly fencingToken: bigint
}

export interface Pool {
  /** Rejects with the reason of the attempt's signal, or with what the server refuses; nothing is then left. */
  wait(permits: number, attempt: Attempt): Promise<Lease>
  /** Undefined if it would have to wait. */
  try(permits: number, attempt: Attempt): Promise<Lease | undefined>
  /** The parents of the znodes that stand for contenders. */
  readonly containers: readonly string[]
  /** Holders first, each kind in order. */
  contenders(attempt: Attempt): Promise<SemaphoreContender[]>
}
