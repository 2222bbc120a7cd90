/** The recipes that a driver may offer, as the workloads use them. */

/** A lock on a path, ready to be used. `acquire` gives the way to release it. */
export interface PreparedMutex {
  acquire(): Promise<() => Promise<void>>
}
export interface MutexWorkload {
  prepare(path: string): Promise<PreparedMutex>
}

/** One leads, and the next one stands by, on a session of its own. */
export interface PreparedLeaders {
  /** Has one stand by. */
  standBy(): Promise<void>
  /** The leader closes; resolves when the next one leads. */
  handOver(): Promise<void>
  close(): Promise<void>
}
export interface LeaderWorkload {
  prepare(path: string): Promise<PreparedLeaders>
}

export type QueueWorkload = (path: string) => Promise<PreparedQueue>
export interface PreparedQueue {
  /** Resolves once it is durable. */
  put(data: Buffer): Promise<void>
  /** Takes and acknowledges, `takers` at a time, until the function that it gives is called. */
  consume(takers: number, onAcked: () => void): Promise<() => Promise<void>>
}

/** A barrier for that many: the members' enterings, each giving the way to leave. */
export type BarrierWorkload = (path: string, members: number) => Promise<readonly BarrierMember[]>
export type BarrierMember = () => Promise<() => Promise<void>>
