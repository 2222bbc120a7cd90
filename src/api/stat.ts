/** What the server keeps about a znode. Longs of the protocol are bigint; names are ZooKeeper's own. */
export interface Stat {
  /** zxid of the transaction that created the znode: never goes back, even if the parent is deleted. */
  readonly czxid: bigint
  /** zxid of the last change of the data. */
  readonly mzxid: bigint
  /** Created, in milliseconds since the epoch by the leader's wall clock. */
  readonly ctime: bigint
  /** Data last changed, in milliseconds since the epoch by the leader's wall clock. */
  readonly mtime: bigint
  /** Changes of the data; int32, wraps. */
  readonly version: number
  /** Changes of the children; int32, wraps. */
  readonly cversion: number
  /** Changes of the ACL; int32, wraps. */
  readonly aversion: number
  /** Session id of an ephemeral's owner; 0n for persistent ones; special values for container and TTL nodes. */
  readonly ephemeralOwner: bigint
  /** Bytes of data. */
  readonly dataLength: number
  readonly numChildren: number
  /** zxid of the last change of the children. */
  readonly pzxid: bigint
}

/** `ephemeralOwner` of a container node. */
export const CONTAINER_OWNER = -0x8000000000000000n
