/**
 * Requests from the moment they are made until they are settled: waiting for a connection, in flight on one, or given
 * up on.
 *
 * Invariants:
 * - Every entry is settled exactly once, and its bytes are counted until it leaves.
 * - Order of calls is order on the wire. What waits goes out before what is made later.
 * - A write that went to the socket is never sent again; it ends with its reply or in doubt.
 * - A read is sent again until its reply comes, its limits run out, or the session that it is bound to ends.
 * - What was encoded but never went to the socket waits as it is, with the bytes of the moment of the call.
 */
import type { ZkError } from '../api/errors.js'
import {
  ClosedError,
  ConnectionLossError,
  hasCode,
  SessionExpiredError,
  TimeoutError,
  ZkError as BaseError,
} from '../api/errors.js'
import type { CallOptions } from '../api/zk.js'
import type { Reader } from '../codec/reader.js'
import { Writer } from '../codec/writer.js'
import { WatcherType } from '../protocol/constants.js'
import type { Operation } from '../protocol/operations.js'
import { operations } from '../protocol/operations.js'
import { errorOfResult, OK } from '../protocol/result-codes.js'
import { checkSignal, checkTimeout, onAbort } from '../runtime/abort.js'
import type { Clock } from '../runtime/clock.js'
import type { Link } from './link.js'
import { encodeRequest } from './link.js'
import type { Entry, PendingWatch } from './pending.js'
import { NEVER_ABSENT, rejectEntry, resolveEntry } from './pending.js'
import type { ServerWatch } from './watches.js'

export interface RequestLimits {
  readonly runtime: { readonly clock: Clock }
  readonly maxRequestBytes: number
  readonly maxPendingBytes: number
}

export interface EntrySpec<A, T> {
  readonly path?: string | undefined
  readonly watch?: PendingWatch | undefined
  readonly absentIs?: number
  readonly finish: (reply: A) => T
}

/** What an entry costs beside its frame, so that a million tiny requests are bounded too. */
const ENTRY_BYTES = 128

const serverTypes: Readonly<Record<ServerWatch, number>> = {
  data: WatcherType.data,
  child: WatcherType.children,
  persistent: WatcherType.any,
}

export class RequestQueue {
  readonly #limits: RequestLimits
  readonly #clock: Clock
  readonly #dropped: (entry: Entry) => void
  readonly #scratch = new Writer(1024)
  /** In order. A set, as a hundred thousand of them may be given up on in one turn. */
  #waiting = new Set<Entry>()
  #generation: number | undefined
  #link: Link | undefined
  #pendingBytes = 0
  #refusal: ZkError | undefined

  /** @param dropped - told of each entry that will get no reply. */
  constructor(limits: RequestLimits, dropped: (entry: Entry) => void) {
    this.#limits = limits
    this.#clock = limits.runtime.clock
    this.#dropped = dropped
  }

  /** Requests not settled by a reply yet. */
  get size(): number {
    return this.#waiting.size + (this.#link?.inFlight ?? 0)
  }

  /** Of the session that is live or may still be; undefined while there is none. */
  get generation(): number | undefined {
    return this.#generation
  }

  begin(generation: number): void {
    this.#generation = generation
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Makes an entry with the caller's limits on it. `resolve` and `reject` are the caller's promise. */
  entry<A, T>(
    operation: { readonly name: string; readonly reply: { read(reader: Reader): A } },
    request: unknown,
    spec: EntrySpec<A, T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    options?: CallOptions,
  ): Entry {
    const entry: Entry = {
      operation: operation as unknown as Operation,
      request,
      path: spec.path,
      finish: spec.finish,
      resolve: resolve as (value: unknown) => void,
      reject,
      generation: options?.generation,
      watch: spec.watch,
      absentIs: spec.absentIs ?? NEVER_ABSENT,
      xid: 0,
      batch: undefined,
      frame: undefined,
      bytes: 0,
      direct: false,
      settled: false,
      abandoned: false,
      release: undefined,
    }
    if (options?.signal !== undefined || options?.timeoutMs !== undefined) this.#limit(entry, options)
    return entry
  }

  #limit(entry: Entry, { signal, timeoutMs }: CallOptions): void {
    checkSignal(signal)
    checkTimeout(timeoutMs)
    signal?.throwIfAborted()
    const unlisten = onAbort(signal, (reason) => this.#giveUp(entry, reason))
    const timer =
      timeoutMs === undefined || timeoutMs === Infinity
        ? undefined
        : this.#clock.setTimer(timeoutMs, () => this.#giveUp(entry, this.#timeout(entry, timeoutMs)))
    entry.release = () => {
      unlisten()
      timer?.cancel()
    }
  }

  #timeout(entry: Entry, timeoutMs: number): TimeoutError {
    const { operation, path, frame } = entry
    const where = frame === undefined ? 'no answer' : 'no connection'
    const outcome = frame === undefined && operation.kind === 'write' ? 'unknown' : 'rejected'
    const what = `${operation.name}${path === undefined ? '' : ` ${path}`}`
    return new TimeoutError(`${what}: ${where} within ${timeoutMs} ms`, { path, outcome })
  }

  #giveUp(entry: Entry, reason: unknown): void {
    if (entry.settled) return
    if (entry.frame !== undefined) {
      this.#waiting.delete(entry)
      this.#leave(entry)
    }
    entry.abandoned = true
    rejectEntry(entry, reason)
  }

  /** Sends the entry, or keeps it in order for the next connection. Throws what is wrong with it. */
  submit(entry: Entry): void {
    if (this.#refusal !== undefined) throw this.#refusal
    const { maxRequestBytes, maxPendingBytes } = this.#limits
    const room = maxPendingBytes - this.#pendingBytes - ENTRY_BYTES
    const link = this.#link
    if (link !== undefined) {
      if (!link.send(entry, maxRequestBytes, room)) throw this.#full(entry)
    } else {
      this.#encode(entry)
      if (entry.bytes > room) throw this.#full(entry)
      this.#waiting.add(entry)
    }
    this.#pendingBytes += entry.bytes + ENTRY_BYTES
  }

  #encode(entry: Entry): void {
    const scratch = this.#scratch
    scratch.reset()
    entry.bytes = encodeRequest(scratch, 0, entry.operation, entry.request, this.#limits.maxRequestBytes)
    entry.frame = scratch.copy()
  }

  #full(entry: Entry): ZkError {
    entry.frame = undefined
    return new BaseError(
      'PENDING_LIMIT',
      `${this.#pendingBytes} bytes of requests already wait for a connection or an answer (maxPendingBytes ` +
        `${this.#limits.maxPendingBytes}): slow down, or give requests a timeoutMs`,
      { path: entry.path },
    )
  }

  /** A connection takes requests: everything that waits goes out, in order. */
  open(link: Link): void {
    this.#link = link
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const entry of waiting) {
      if (entry.generation !== undefined && entry.generation !== this.#generation) {
        this.#expire(entry)
        continue
      }
      link.send(entry, Infinity, Infinity)
    }
  }

  #expire(entry: Entry, cause?: ZkError): void {
    this.#leave(entry)
    const message = `${entry.operation.name}: the session it was meant for is over`
    rejectEntry(entry, new SessionExpiredError(message, { path: entry.path, cause }))
  }

  /** The reply of an entry that was in flight. Throws, with the entry settled, if it can't be read. */
  answered(entry: Entry, err: number, reader: Reader): void {
    this.#pendingBytes -= entry.bytes + ENTRY_BYTES
    if (entry.settled) return
    if (err === OK) {
      try {
        resolveEntry(entry, entry.finish(entry.operation.reply.read(reader) as never))
      } catch (error) {
        rejectEntry(entry, error)
        if (hasCode(error, 'PROTOCOL_ERROR')) throw error
      }
    } else if (err === entry.absentIs) {
      resolveEntry(entry, undefined)
    } else {
      rejectEntry(entry, errorOfResult(err, entry.operation.name, entry.path))
    }
  }

  /** The link is gone: reads and what was not sent wait for the next one, in order; writes end in doubt. */
  suspend(link: Link, cause: unknown): void {
    if (this.#link === link) this.#link = undefined
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const entry of link.destroy()) this.#takeBack(entry, cause)
    for (const entry of waiting) this.#waiting.add(entry)
  }

  #takeBack(entry: Entry, cause: unknown): void {
    const unsent = entry.frame !== undefined
    const again = !entry.settled && !entry.direct && (unsent || entry.operation.kind === 'read')
    if (!again) return this.#lose(entry, cause)
    if (entry.generation !== undefined && entry.generation !== this.#generation) return this.#expire(entry)
    if (!unsent) this.#encode(entry)
    this.#waiting.add(entry)
  }

  #lose(entry: Entry, cause: unknown): void {
    this.#leave(entry)
    const { operation, path } = entry
    const what = `${operation.name}${path === undefined ? '' : ` ${path}`}`
    const message = `${what}: the connection was lost before the answer came; it may have been applied or not`
    rejectEntry(entry, new ConnectionLossError(message, { path, cause }))
  }

  #leave(entry: Entry): void {
    entry.frame = undefined
    this.#pendingBytes -= entry.bytes + ENTRY_BYTES
    this.#dropped(entry)
  }

  /** A session is over: what was meant for it alone will not be sent. */
  sessionOver(cause: ZkError): void {
    this.#generation = undefined
    // Its link says nothing more: what is asked from now on waits for the next session.
    this.#link = undefined
    for (const entry of this.#waiting) {
      if (entry.generation === undefined) continue
      this.#waiting.delete(entry)
      this.#expire(entry, cause)
    }
  }

  /** From now on every new request is refused with this error. */
  refuse(error: ZkError): void {
    this.#refusal ??= error
  }

  /** The end: nothing will be answered any more. */
  close(link: Link | undefined, error: ZkError): void {
    this.refuse(error)
    if (link !== undefined) this.suspend(link, error)
    this.#refuseWaiting(error)
  }

  #refuseWaiting(error: ZkError): void {
    for (const entry of this.#waiting) {
      this.#leave(entry)
      rejectEntry(entry, error)
    }
    this.#waiting.clear()
  }

  /** Behind all that is in flight; what waits has no chance any more. */
  closeSession(link: Link): void {
    this.#refuseWaiting(new ClosedError())
    this.#direct(link, operations.closeSession, undefined).catch(() => undefined)
  }

  async saslStep(link: Link, token: Buffer): Promise<Buffer> {
    const reply = await this.#direct(link, operations.sasl, { token })
    return Buffer.from(reply.token ?? Buffer.alloc(0))
  }

  /** Best effort: without a connection the server has forgotten already. */
  forgetWatches(path: string, kinds: readonly ServerWatch[]): void {
    const link = this.#link
    if (link === undefined) return
    for (const kind of kinds) {
      this.#direct(link, operations.removeWatches, { path, type: serverTypes[kind] }).catch(() => undefined)
    }
  }

  /** Asks the server to forget watches; rejects with what it answers. At once done without a connection. */
  async removeWatches(path: string, kinds: readonly ServerWatch[], options: CallOptions): Promise<void> {
    const link = this.#link
    if (link === undefined) return
    await Promise.all(
      kinds.map(async (kind) =>
        this.#direct(link, operations.removeWatches, { path, type: serverTypes[kind] }, options),
      ),
    )
  }

  /** Sends on this very link, past the queue. */
  async #direct<Q, A>(link: Link, operation: Operation<Q, A>, request: Q, options?: CallOptions): Promise<A> {
    return new Promise<A>((resolve, reject) => {
      const entry = this.entry(operation, request, { finish: (reply: A) => reply }, resolve, reject, options)
      entry.direct = true
      link.send(entry, Infinity, Infinity)
      this.#pendingBytes += entry.bytes + ENTRY_BYTES
    })
  }
}
