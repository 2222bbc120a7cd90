/** What the demo's processes tell each other, over Node's IPC channel. */

/** From the parent, to start a worker. */
export interface Assignment {
  readonly worker: number
  readonly connectString: string
  readonly lockPath: string
  readonly sessionTimeoutMs: number
  readonly counterFile: string
  readonly journalFile: string
}

export type ToWorker = { readonly kind: 'begin'; readonly assignment: Assignment } | { readonly kind: 'stop' }

export type FromWorker =
  /** Connected; the id of its session, in hexadecimal. */
  | { readonly kind: 'ready'; readonly session: string }
  /** It holds the lock, and its journal says so. */
  | { readonly kind: 'granted'; readonly fence: string; readonly atUs: number }

/** Microseconds on a clock that all processes of this machine share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}
