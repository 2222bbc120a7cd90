/**
 * How many permits there are: fixed (a convention: the same in all processes), or shared and changeable.
 *
 * Shared, it is a znode of four bytes, an int32 in big-endian order: Curator's SharedCount. A decision needs the limit and
 * the list of leases of one moment, though they are two reads. So the limit is read on both sides of the list, all in
 * one go on one connection; if nobody wrote it in between (mzxid), it stood so when the list was made.
 */
import type { Acl } from '../../src/api/acl.js'
import { hasCode, NoNodeError, ZkError } from '../../src/api/errors.js'
import { parentOf, validatePath } from '../../src/api/path.js'
import type { CallOptions, WatchSpec, Zk } from '../../src/api/zk.js'
import type { Attempt } from '../kernel/attempt.js'
import { throwUnlessPassing } from '../kernel/enqueue.js'
import { beforeRetry, isUnknown } from '../kernel/failure.js'
import type { OneShotWatch } from '../kernel/one-shot-watch.js'

/** A limit that all processes read from a znode, and that can be changed while it is in use. */
export interface SharedPermits {
  /** The znode. Curator's `SharedCount` on the same path reads and writes it too. */
  readonly path: string
  /** What the znode is made with if it is missing. Default: a missing znode is an error. */
  readonly initial?: number | undefined
}

export const MAX_PERMITS = 2_147_483_647

export interface LimitState {
  readonly permits: number
  /** The transaction that set it; 0n for a fixed one. */
  readonly mzxid: bigint
  readonly version: number
}

/** A list, and the limit as it was when the list was made. */
export interface Bracketed<T> {
  readonly value: T
  readonly limit: LimitState
}

/** Throws `TypeError` or `RangeError` unless it is an integer from `least` to the largest int32. */
export function checkPermits(permits: unknown, least: number, what: string): void {
  if (typeof permits !== 'number' || Number.isNaN(permits))
    throw new TypeError(
      `${what} must be a number, got ${typeof permits === 'number' ? 'NaN' : typeof permits}`,
    )
  if (!Number.isInteger(permits) || permits < least || permits > MAX_PERMITS)
    throw new RangeError(`${what} must be an integer from ${least} to ${MAX_PERMITS}, got ${permits}`)
}

export class PermitLimit {
  /** Of the znode, if it is shared. */
  readonly path: string | undefined
  /** If it is not shared. */
  readonly fixed: number | undefined
  readonly #zk: Zk
  readonly #initial: number | undefined
  readonly #acl: readonly Acl[] | undefined

  /** @throws TypeError, RangeError for a bad number or path. */
  constructor(zk: Zk, permits: number | SharedPermits, acl?: readonly Acl[]) {
    this.#zk = zk
    this.#acl = acl
    if (typeof permits === 'number') {
      checkPermits(permits, 1, 'permits')
      this.fixed = permits
      return
    }
    const given: unknown = permits
    if (typeof given !== 'object' || given === null)
      throw new TypeError(
        `permits must be a number or { path }, got ${given === null ? 'null' : typeof given}`,
      )
    validatePath(permits.path)
    if (permits.initial !== undefined) checkPermits(permits.initial, 0, 'permits.initial')
    this.path = permits.path
    this.#initial = permits.initial
  }

  /**
   * Runs `list` and gives the limit of the same moment. Makes a missing limit, if it knows what with.
   *
   * @param watch - is set on a shared limit.
   */
  async during<T>(list: () => Promise<T>, options: CallOptions, watch?: OneShotWatch): Promise<Bracketed<T>> {
    const { path, fixed } = this
    if (path === undefined)
      return { value: await list(), limit: { permits: fixed ?? 0, mzxid: 0n, version: 0 } }
    for (;;) {
      const before = this.#read(path, options)
      const listing = list()
      const reading = async (listener: WatchSpec['watch']): Promise<LimitState> =>
        this.#read(path, { ...options, watch: listener })
      const after = watch === undefined ? reading(undefined) : watch.read(reading)
      try {
        const [first, value, last] = await Promise.all([before, listing, after])
        if (first.mzxid === last.mzxid) return { value, limit: last }
      } catch (error) {
        await Promise.allSettled([before, listing, after])
        if (!hasCode(error, 'NO_NODE') || error.path !== path) throw error
        await this.#make(path, options)
      }
    }
  }

  async #read(path: string, options: CallOptions & WatchSpec): Promise<LimitState> {
    const { data, stat } = await this.#zk.get(path, options)
    if (data.length === 4) return { permits: data.readInt32BE(), mzxid: stat.mzxid, version: stat.version }
    const message = `${path} holds ${data.length} bytes; a limit is an int32 (4 bytes, big-endian)`
    throw new ZkError('DATA_INCONSISTENCY', message, { path })
  }

  async #make(path: string, options: CallOptions): Promise<void> {
    if (this.#initial === undefined) {
      const message = `${path} does not exist: make it with an int32 (4 bytes, big-endian), or give permits.initial`
      throw new NoNodeError(message, { path })
    }
    const acl = this.#acl && { acl: this.#acl }
    try {
      await this.#zk.ensurePath(parentOf(path), { ...acl, ...options })
      await this.#zk.create(path, encode(this.#initial), { ...acl, ...options })
    } catch (error) {
      if (!hasCode(error, 'NODE_EXISTS', 'NO_NODE')) throw error
    }
  }

  /** The limit now, in sync with the leader. */
  async read(attempt: Attempt): Promise<LimitState> {
    const { signal } = attempt
    const { path } = this
    const synced = async (): Promise<void> =>
      path === undefined ? undefined : this.#zk.sync(path, { signal })
    for (let repetition = 1; ; repetition++) {
      try {
        attempt.stage = 'waiting for a connection'
        await beforeRetry(this.#zk, repetition, signal)
        attempt.stage = 'reading the limit'
        return (await this.during(synced, { signal })).limit
      } catch (error) {
        signal.throwIfAborted()
        throwUnlessPassing(error)
      }
    }
  }

  /**
   * Writes a shared limit, by compare-and-set, so that a lost reply is resolved by the version: written once.
   *
   * @throws ConnectionLossError (`outcome` unknown) if the reply got lost and others have written since.
   */
  async write(permits: number, attempt: Attempt): Promise<void> {
    const { path } = this
    if (path === undefined) throw new TypeError('the limit is fixed: give permits as { path } to share it')
    checkPermits(permits, 0, 'permits')
    const { signal } = attempt
    let lost: { readonly version: number; readonly error: unknown } | undefined
    for (;;) {
      const { permits: found, version } = await this.read(attempt)
      if (found === permits) return
      // One version further, it is somebody else's write that our compare-and-set has lost against.
      if (lost !== undefined && version > lost.version + 1) throw lost.error
      attempt.stage = 'changing the limit'
      try {
        await this.#zk.set(path, encode(permits), { version, signal })
        return
      } catch (error) {
        signal.throwIfAborted()
        lost = isUnknown(error) ? { version, error } : undefined
        if (!hasCode(error, 'BAD_VERSION')) throwUnlessPassing(error)
      }
    }
  }
}

function encode(permits: number): Buffer {
  const data = Buffer.alloc(4)
  data.writeInt32BE(permits)
  return data
}
