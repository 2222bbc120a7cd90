/** What the demo's processes tell each other, over Node's IPC channel. */

export type ActName = 'lock' | 'jobs' | 'cron'

/** From the parent, to a worker that has just started. */
export interface Post {
  readonly worker: number
  readonly connectString: string
  readonly sessionTimeoutMs: number
  /** On the server, where the demo works. */
  readonly root: string
  /** On this machine, for what the workers write down. */
  readonly folder: string
}

export type ToWorker =
  | { readonly kind: 'connect'; readonly post: Post }
  /** One after the other: the next comes when the one before has ended. */
  | { readonly kind: 'begin'; readonly act: ActName }
  | { readonly kind: 'end' }
  | { readonly kind: 'leave' }

/** What the worker does: written down before it is told, so that a kill can't take it back. */
export type Deed =
  /** It holds the lock. */
  | { readonly kind: 'granted'; readonly fence: string; readonly atUs: number }
  | { readonly kind: 'job-begun' | 'job-done'; readonly job: number; readonly atUs: number }
  /** A run of the cron task begins; `dueMs` is the time that it is for, since the epoch. */
  | { readonly kind: 'ran'; readonly dueMs: number; readonly atUs: number }

export type FromWorker =
  /** Connected; the id of its session, in hexadecimal. */
  | { readonly kind: 'ready'; readonly session: string }
  | Deed
  /** The act is over here. */
  | { readonly kind: 'ended' }

/** Microseconds on a clock that all processes of this machine share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}
