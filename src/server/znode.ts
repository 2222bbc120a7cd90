/**
 * One znode. It is read as the protocol's stat record as it stands, without a copy; {@link snapshotStat} takes one.
 *
 * `creates` is what a real server keeps as its cversion: it counts the children ever made, never those deleted, and
 * is the sequence counter. What clients see is derived: `2 × creates − children`, so that a delete counts too.
 */
import type { AclEntry } from '../protocol/records.js'
import type { Stat } from '../api/stat.js'
import { MAX_TTL_MS } from '../protocol/constants.js'

/** The order is part of the log's format: append only. */
export const KINDS = ['persistent', 'ephemeral', 'container', 'ttl'] as const
export type ZnodeKind = (typeof KINDS)[number]

const NO_CHILDREN: ReadonlySet<string> = new Set()

/** Who owns a znode, and what that makes of it. */
export interface Ownership {
  readonly kind: ZnodeKind
  /** Session id of an ephemeral; milliseconds of a TTL node; else 0n. */
  readonly value: bigint
}
export const PERSISTENT: Ownership = { kind: 'persistent', value: 0n }
export const CONTAINER: Ownership = { kind: 'container', value: 0n }
export const ephemeralOf = (session: bigint): Ownership => ({ kind: 'ephemeral', value: session })

/** Undefined unless `ttlMs` fits in the owner field. */
export function ttlOf(ttlMs: bigint): Ownership | undefined {
  return ttlMs > 0n && ttlMs <= BigInt(MAX_TTL_MS) ? { kind: 'ttl', value: ttlMs } : undefined
}

export class Znode {
  data: Uint8Array | null
  acl: readonly AclEntry[]
  readonly owner: Ownership
  czxid: bigint
  mzxid: bigint
  pzxid: bigint
  ctime: bigint
  mtime: bigint
  version = 0
  aversion = 0
  creates = 0
  #children: Set<string> | undefined

  constructor(
    data: Uint8Array | null,
    acl: readonly AclEntry[],
    owner: Ownership,
    zxid: bigint,
    time: bigint,
  ) {
    this.data = data
    this.acl = acl
    this.owner = owner
    this.czxid = this.mzxid = this.pzxid = zxid
    this.ctime = this.mtime = time
  }

  get children(): ReadonlySet<string> {
    return this.#children ?? NO_CHILDREN
  }

  addChild(name: string): void {
    this.#children ??= new Set()
    this.#children.add(name)
  }

  removeChild(name: string): void {
    this.#children?.delete(name)
  }

  get numChildren(): number {
    return this.#children === undefined ? 0 : this.#children.size
  }

  get dataLength(): number {
    return this.data === null ? 0 : this.data.length
  }

  /** Changes of the children, as clients see it. */
  get cversion(): number {
    return (this.creates * 2 - this.numChildren) | 0
  }

  /** What clients see: a real server shows 0 for container and TTL nodes, not the marker that it stores. */
  get ephemeralOwner(): bigint {
    return this.owner.kind === 'ephemeral' ? this.owner.value : 0n
  }
}

/** The stat as it is now, which later changes of the node leave alone. */
export function snapshotStat(node: Znode): Stat {
  const { czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion } = node
  const { ephemeralOwner, dataLength, numChildren } = node
  return {
    czxid,
    mzxid,
    ctime,
    mtime,
    version,
    cversion,
    aversion,
    ephemeralOwner,
    dataLength,
    numChildren,
    pzxid,
  }
}
