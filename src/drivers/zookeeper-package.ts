/**
 * As much of the npm package `zookeeper` (7.x, a binding of ZooKeeper's C client) as the driver uses. Written down here,
 * because the package is an optional peer: nobody who has no use for it should need it to compile.
 */

/** Result code (0, or one of the C client's), its text, then what was asked for. */
export type VoidReply = (code: number, message: string) => void
export type PathReply = (code: number, message: string, path: string | null) => void
export type StatReply = (code: number, message: string, stat: ZooKeeperStat | null) => void
export type DataReply = (
  code: number,
  message: string,
  stat: ZooKeeperStat | null,
  data: Uint8Array | string | null,
) => void
export type ChildrenReply = (
  code: number,
  message: string,
  children: readonly string[] | null,
  stat: ZooKeeperStat | null,
) => void

/** `type` −1 is a change of the session, which every watcher hears of as well, and which does not use it up. */
export type Watcher = (type: number, state: number, path: string) => void

/** zxids as numbers: exact up to 2^53, which is some two million epochs. */
export interface ZooKeeperStat {
  readonly czxid: number
  readonly mzxid: number
  readonly pzxid: number
  readonly dataLength: number
  readonly numChildren: number
  readonly version: number
  readonly cversion: number
  readonly aversion: number
  readonly ctime: Date | number
  readonly mtime: Date | number
  /** Hexadecimal, without a prefix. */
  readonly ephemeralOwner: string
}

/** A client of the package, after its `init()` or `connect()`. */
export interface ZooKeeperClient {
  /** 3 when connected. */
  readonly state: number
  /** The session's id, hexadecimal. */
  readonly client_id: string
  /** As negotiated, in milliseconds. */
  readonly timeout: number
  on(event: 'connect' | 'connecting' | 'close', listener: (client: unknown, code?: number) => void): unknown
  removeListener(
    event: 'connect' | 'connecting' | 'close',
    listener: (client: unknown, code?: number) => void,
  ): unknown
  close(): unknown
  a_create(path: string, data: Buffer, flags: number, reply: PathReply): number
  a_createTtl(path: string, data: Buffer, flags: number, ttlMs: number, reply: PathReply): number
  a_delete_(path: string, version: number, reply: VoidReply): number
  a_exists(path: string, watch: boolean, reply: StatReply): number
  aw_exists(path: string, watcher: Watcher, reply: StatReply): number
  a_get(path: string, watch: boolean, reply: DataReply): number
  aw_get(path: string, watcher: Watcher, reply: DataReply): number
  a_set(path: string, data: Buffer, version: number, reply: StatReply): number
  a_get_children2(path: string, watch: boolean, reply: ChildrenReply): number
  aw_get_children2(path: string, watcher: Watcher, reply: ChildrenReply): number
  a_sync(path: string, reply: PathReply): number
}

export const CONNECTED_STATE = 3
export const EXPIRED_STATE = -112
export const AUTH_FAILED_STATE = -113

/** True if a server said so, and not the package by itself: above −100 are its own codes, and what it is told at an end. */
export function isAnswer(code: number): boolean {
  return code === 0 || (code <= -100 && code !== EXPIRED_STATE && code !== CLOSING)
}

const CLOSING = -116
