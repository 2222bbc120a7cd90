/** What the nemesis and a worker tell each other over IPC. */

/** Where a worker's event loop can be made to stand still. */
export type StallPoint = 'asking' | 'granted' | 'held' | 'releasing'

export const stallPoints: readonly StallPoint[] = ['asking', 'granted', 'held', 'releasing']

export interface WorkerOptions {
  readonly name: string
  /** One a client. */
  readonly connectStrings: readonly string[]
  readonly tasksPerClient: number
  readonly recipes: readonly string[]
  readonly root: string
  readonly seed: number
  readonly sessionTimeoutMs: number
  readonly maxBackOffMs: number
  readonly history: string
  readonly store: string
}

export type ToWorker = { readonly stall: StallPoint; readonly ms: number } | { readonly stop: true }

/** Of one of its clients, as the nemesis needs them to end the session behind its back. */
export interface SessionNews {
  readonly client: number
  readonly id: string
  readonly password: string
}

export type FromWorker =
  | { readonly session: SessionNews }
  | { readonly ready: true }
  | { readonly grants: number }
  | { readonly done: true }
