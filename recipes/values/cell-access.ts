/**
 * The requests of a cell: reading it ready for a write, writing it, and finding out what became of a write.
 *
 * Here one attempt is made each; who repeats, and when, is decided in cell.ts.
 */
import type { Acl } from '../../src/api/acl.js'
import { hasCode, NoNodeError, TransactionError } from '../../src/api/errors.js'
import { parentOf } from '../../src/api/path.js'
import type { Stat } from '../../src/api/stat.js'
import type { CallOptions, Session, Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import { isUnknown } from '../kernel/failure.js'
import { inSync } from '../kernel/in-sync.js'
import { OperationMarker } from './operation-marker.js'
import { stepOverMinusOne } from './version-wrap.js'

/** The transaction that a znode's data is of. */
export type WrittenAs = Pick<Stat, 'version' | 'mzxid' | 'czxid' | 'mtime'>

/** The value as read; nothing if there is no znode. */
export interface Reading {
  readonly data: Buffer | undefined
  readonly as: WrittenAs | undefined
}

/** A reading that a write can be based on. */
export interface Base {
  readonly data: Buffer
  readonly as: WrittenAs
  /** In sync with the leader, not kept from our own last write or read from a server that may lag. */
  readonly inSync: boolean
  readonly marker: OperationMarker | undefined
  readonly session: Session
}

/** A write whose reply was lost. */
export interface Sent {
  readonly base: Base
  readonly data: Uint8Array
}

export type WriteEnd =
  | { readonly how: 'applied'; readonly as: WrittenAs }
  /** Others were faster. */
  | { readonly how: 'conflict' }
  | { readonly how: 'lost'; readonly sent: Sent }

export type SentEnd =
  | { readonly how: 'applied'; readonly as: WrittenAs }
  /** It was not applied, and never will be. */
  | { readonly how: 'dead' }
  /** It was not applied; the value still stands as it did then. */
  | { readonly how: 'open' }
  /** Nothing can tell any more. */
  | { readonly how: 'unknown' }

export interface CellNode {
  readonly zk: Zk
  readonly path: string
  readonly acl?: readonly Acl[] | undefined
  readonly markers: boolean
  /** What a missing znode is made with; undefined: it is an error that it is missing. */
  readonly initial: () => Uint8Array | undefined
}

export class CellAccess {
  readonly #node: CellNode
  #marker: OperationMarker | undefined
  /** What our own last write left. Valid only as long as its marker stands: see operation-marker.ts. */
  #kept: Base | undefined

  constructor(node: CellNode) {
    this.#node = node
  }

  async readInSync(options: CallOptions): Promise<Reading> {
    const { zk, path } = this.#node
    try {
      const { data, stat } = await inSync(zk, path, options, async () => zk.get(path, options))
      return { data, as: stat }
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return { data: undefined, as: undefined }
      throw error
    }
  }

  /**
   * The value, ready to be changed; makes it if it is missing. One round trip, or none if nobody but us wrote lately.
   *
   * @param inSync - it must be as new as this call, for answers that are not proved by a write.
   */
  async base(session: Session, inSync: boolean, signal: AbortSignal): Promise<Base> {
    const { zk, path } = this.#node
    for (;;) {
      const marker = this.#usableMarker(session)
      const kept = this.#kept
      if (!inSync && kept !== undefined && marker !== undefined && kept.marker === marker) return kept
      this.#kept = undefined
      const making = marker ?? this.#makeMarker(session, signal)
      const options = { signal, generation: session.generation }
      const synced = inSync ? zk.sync(path, options) : undefined
      const reading = zk.get(path, options)
      for (const each of [making, synced, reading]) if (each instanceof Promise) each.catch(() => undefined)
      try {
        this.#marker = await making
        await synced
        const { data, stat } = await reading
        const base = { data, as: stat, inSync, marker: this.#marker, session }
        if (stat.version !== -1) return base
        await stepOverMinusOne(zk, path, base, signal)
      } catch (error) {
        if (!hasCode(error, 'NO_NODE')) throw error
        this.forget()
        await this.#makeNode(options)
      }
    }
  }

  #usableMarker(session: Session): OperationMarker | undefined {
    const marker = this.#marker
    marker?.wake()
    if (marker?.isUsable === true && marker.session.generation === session.generation) return marker
    this.forget()
    return undefined
  }

  async #makeMarker(session: Session, signal: AbortSignal): Promise<OperationMarker | undefined> {
    const { zk, path, acl, markers } = this.#node
    return markers
      ? OperationMarker.make(zk, path, session, { signal, acl, onIdle: () => this.forget() })
      : undefined
  }

  async #makeNode(options: CallOptions): Promise<void> {
    const { zk, path, acl, initial } = this.#node
    const data = initial()
    if (data === undefined)
      throw new NoNodeError(`${path} does not exist, and there is no initial value`, { path })
    const given = { ...options, ...(acl && { acl }) }
    try {
      await zk.ensurePath(parentOf(path), {
        ...given,
        mode: zk.supports('containers') ? 'container' : 'persistent',
      })
      await zk.create(path, data, given)
    } catch (error) {
      // In doubt it is made, by us or by others, or the next try makes it: it holds what absence stood for.
      if (!hasCode(error, 'NODE_EXISTS', 'NO_NODE')) throw error
    }
  }

  /** Sends one write, at the version of `base`. Rejects with what certainly did nothing. */
  async write(base: Base, data: Uint8Array, signal: AbortSignal): Promise<WriteEnd> {
    this.#kept = undefined
    const { marker, session } = base
    const committing = marker === undefined ? this.#set(base, data) : this.#commit(base, marker, data)
    try {
      const as = { ...(await abortable(committing, signal)), czxid: base.as.czxid }
      if (marker !== undefined) {
        marker.version++
        // At −1 nothing can be compared: it has to be stepped over first (version-wrap.ts).
        if (as.version !== -1) this.#kept = { data: Buffer.from(data), as, inSync: false, marker, session }
      }
      return { how: 'applied', as }
    } catch (error) {
      if (signal.aborted) throw error
      const cause = error instanceof TransactionError ? error.failure : error
      if (isUnknown(cause)) return { how: 'lost', sent: { base, data } }
      const isOfMarker = error instanceof TransactionError && error.failedIndex === 1
      // The value or the marker is gone, deleted by somebody, or somebody wrote into our marker: a new one is needed.
      if (isOfMarker || hasCode(cause, 'NO_NODE')) this.forget()
      if (isOfMarker || hasCode(cause, 'NO_NODE', 'BAD_VERSION')) return { how: 'conflict' }
      throw cause
    }
  }

  async #set({ as, session }: Base, data: Uint8Array): Promise<Stat> {
    const { zk, path } = this.#node
    return zk.set(path, data, { version: as.version, generation: session.generation })
  }

  async #commit({ as, session }: Base, marker: OperationMarker, data: Uint8Array): Promise<Stat> {
    const { zk, path } = this.#node
    const { generation } = session
    const transaction = zk.transaction().set(path, data, { version: as.version })
    const [written] = await transaction
      .set(marker.path, null, { version: marker.version })
      .commit({ generation })
    return written.stat
  }

  /** What became of a write whose reply was lost. */
  async resolve(sent: Sent, session: Session, signal: AbortSignal): Promise<SentEnd> {
    const { base } = sent
    const { marker } = base
    const options = { signal, generation: session.generation }
    const isSameSession = session.generation === base.session.generation
    // The value first, then the marker: a marker that does not know the write, seen after a value that had moved on,
    // says that the write is dead.
    const reading = this.readInSync(options)
    const looking = marker && isSameSession ? this.#node.zk.exists(marker.path, options) : undefined
    looking?.catch(() => undefined) // Awaited below, but the read may reject first.
    const now = await reading
    const marked = await looking
    if (marker !== undefined && marked !== undefined) {
      if (marked.version === marker.version + 1) {
        marker.version++
        return {
          how: 'applied',
          as: {
            version: next(base.as.version),
            mzxid: marked.mzxid,
            czxid: base.as.czxid,
            mtime: marked.mtime,
          },
        }
      }
      if (marked.version === marker.version) return standsAs(base, now) ? { how: 'open' } : { how: 'dead' }
    }
    this.forget()
    return this.#judgeByValue(sent, now, isSameSession)
  }

  /** Without a marker that could tell. */
  #judgeByValue({ base, data }: Sent, now: Reading, isSameSession: boolean): SentEnd {
    if (standsAs(base, now)) return { how: isSameSession ? 'open' : 'dead' }
    const isNext = now.as?.czxid === base.as.czxid && now.as.version === next(base.as.version)
    // The one write since was another's.
    if (isNext && now.data?.equals(data) === false) return { how: 'dead' }
    return { how: 'unknown' }
  }

  /** Lets go of marker and kept value; the marker is deleted in the background. */
  forget(): void {
    void this.#marker?.remove()
    this.#marker = undefined
    this.#kept = undefined
  }

  /** Nothing to do for now. */
  rest(): void {
    this.#marker?.rest()
  }

  async close(): Promise<void> {
    const marker = this.#marker
    this.forget()
    await marker?.remove()
  }
}

/** An int32, as the server counts. */
function next(version: number): number {
  return (version + 1) | 0
}

function standsAs({ as }: Base, now: Reading): boolean {
  return now.as?.czxid === as.czxid && now.as.version === as.version
}
