/**
 * The hand of a test inside the server: faults at a chosen request, sessions expired on demand, counters jumped, and
 * the ground truth of what was applied.
 *
 * A fault is armed once and fires once, at the first request that matches all that is asked for. It says which by its
 * promise. With no fault armed this costs one comparison a request.
 */
import type { OperationName } from '../protocol/operations.js'
import type { Deferred } from '../runtime/deferred.js'
import { deferred } from '../runtime/deferred.js'
import type { Transaction } from './transactions.js'

/** A request as the server received it. */
export interface ReceivedRequest {
  readonly session: bigint
  /** From 1, over all requests of the session but pings, reconnects included. */
  readonly number: number
  readonly operation: OperationName
  /** What it is about; of a transaction, of all its operations. Empty for those about nothing. */
  readonly paths: readonly string[]
}

/** Which request. What is left out matches all; `{}` is the next request of anyone. */
export interface RequestMatch {
  readonly session?: bigint
  readonly number?: number
  readonly operation?: OperationName | readonly OperationName[]
  /** Equal to one of the paths, or matching one of them. */
  readonly path?: string | RegExp
  readonly where?: (request: ReceivedRequest) => boolean
}

export interface Fault {
  /** Resolves with the request that it struck. Never settles if there is none. */
  readonly fired: Promise<ReceivedRequest>
  readonly hasFired: boolean
  /** Takes it back, if it has not fired. */
  cancel(): void
}

export type FaultKind =
  { readonly kind: 'dropBefore' | 'dropAfter' } | { readonly kind: 'delay'; readonly delayMs: number }

interface Rule {
  readonly match: RequestMatch
  readonly fault: FaultKind
  readonly outcome: Deferred<ReceivedRequest>
}

function matches(
  { session, number, operation, path, where }: RequestMatch,
  request: ReceivedRequest,
): boolean {
  if (session !== undefined && session !== request.session) return false
  if (number !== undefined && number !== request.number) return false
  if (typeof operation === 'string' && operation !== request.operation) return false
  if (Array.isArray(operation) && !operation.includes(request.operation)) return false
  if (typeof path === 'string' && !request.paths.includes(path)) return false
  if (path instanceof RegExp && !request.paths.some((each) => path.test(each))) return false
  return where === undefined || where(request)
}

/** The paths in a request, whatever its record. */
export function pathsOf(request: unknown): readonly string[] {
  if (Array.isArray(request)) return request.flatMap(pathsOf)
  const path = (request as { path?: unknown } | undefined)?.path
  return typeof path === 'string' ? [path] : []
}

/** The armed faults. */
export class Faults {
  readonly #rules = new Set<Rule>()

  get armed(): boolean {
    return this.#rules.size > 0
  }

  arm(match: RequestMatch, fault: FaultKind): Fault {
    const rule: Rule = { match, fault, outcome: deferred() }
    this.#rules.add(rule)
    let hasFired = false
    void rule.outcome.promise.then(() => (hasFired = true))
    const rules = this.#rules
    return {
      fired: rule.outcome.promise,
      get hasFired() {
        return hasFired
      },
      cancel: () => void rules.delete(rule),
    }
  }

  /** The fault for this request, if one is armed; it is used up. */
  strike(request: ReceivedRequest): FaultKind | undefined {
    for (const rule of this.#rules) {
      if (!matches(rule.match, request)) continue
      this.#rules.delete(rule)
      rule.outcome.resolve(request)
      return rule.fault
    }
    return undefined
  }

  clear(): void {
    this.#rules.clear()
  }
}

export interface SessionInfo {
  readonly id: bigint
  readonly timeoutMs: number
  readonly connected: boolean
  readonly ephemerals: readonly string[]
  readonly dataWatches: readonly string[]
  readonly childWatches: readonly string[]
  /** Requests received so far, pings left out. */
  readonly requests: number
}

export type { Transaction }

/** What `server.control` can do. All of it takes effect at once. */
export interface ServerControl {
  /** Closes the connection of the matching request instead of applying it: the request is lost. */
  dropBefore(match: RequestMatch): Fault
  /** Applies the matching request and closes the connection instead of answering: the reply is lost. */
  dropAfter(match: RequestMatch): Fault
  /** Applies the matching request at once, and holds back its reply and all that follows on the connection. */
  delayReply(match: RequestMatch, delayMs: number): Fault
  /** Disarms every fault that has not fired. */
  clearFaults(): void
  /** Ends a session as its timeout would. False if there is none of that id. */
  expireSession(id: bigint): boolean
  /** Closes a session's connection; the session stays. False if it has none. */
  dropConnection(id: bigint): boolean
  /** Closes all connections; sessions stay. */
  dropConnections(): void
  /** The next sequential child of `path` gets this number (a signed int32). Throws `TypeError` if there is no such znode. */
  setSequence(path: string, next: number): void
  /**
   * Writes the data of `path` once more, and gives it this version (a signed int32), as if it had been written so often.
   * Throws `TypeError` if there is no such znode.
   */
  setVersion(path: string, version: number): void
  sessions(): readonly SessionInfo[]
  /** Of all sessions, by table. */
  watchCounts(): { readonly data: number; readonly children: number }
  readonly connectionCount: number
  /** Accepts no more connections until {@link resumeAccepting}: they are closed at once. Those open stay. */
  pauseAccepting(): void
  resumeAccepting(): void
  /** Deletes at once what the reaper would delete at its next round. */
  reap(): void
  /** Calls `listener` for every transaction, refused ones included, before anyone is told. Returns the way to stop. */
  onApply(listener: (transaction: Transaction) => void): () => void
  /** The zxid of the last transaction. */
  readonly zxid: bigint
}
