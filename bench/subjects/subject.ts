/** What is measured: how to start it, and what a client written in JavaScript must be able to do. */
import type { BenchName } from '../scenarios.js'
import type { BarrierWorkload, LeaderWorkload, MutexWorkload, QueueWorkload } from './recipes.js'

export type Done = (error?: unknown) => void

/** A connected client, behind the calls that the workloads make. Each keeps its own style: callbacks or promises. */
export interface Driver {
  get(path: string, done: Done): void
  set(path: string, data: Buffer, done: Done): void
  create(path: string, data: Buffer, done: Done): void
  delete(path: string, done: Done): void
  readonly mutex?: MutexWorkload
  /** One that keeps what it held for the next time, where there is such a thing. Else `mutex` takes part. */
  readonly biasedMutex?: MutexWorkload
  /** Of 4 permits, one at a time. */
  readonly semaphore?: MutexWorkload
  readonly leader?: LeaderWorkload
  readonly queue?: QueueWorkload
  /** One increment. */
  readonly counter?: (path: string) => () => Promise<unknown>
  readonly barrier?: BarrierWorkload
  /** Opens a session of its own that watches. */
  readonly watcher?: () => Promise<Watcher>
  /** Stands for election on a session of its own with that timeout; resolves when it leads. */
  readonly lead?: (path: string, sessionTimeoutMs: number) => Promise<void>
  close(): Promise<void>
}

export interface Watcher {
  /** Reads a znode with a one-shot watch; done when the watch stands. */
  watch(path: string, onEvent: () => void, done: Done): void
  close(): Promise<void>
}

/** How to start a subject's process. It is given the connect string and its root path as the last two arguments. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  /** As shown in the header. */
  readonly version: string
}

export interface Missing {
  readonly missing: string
}

/** Takes part in the scenarios of these benches. */
export interface Subject {
  readonly name: string
  readonly benches: readonly BenchName[]
  /** It has servers of its own, whose requests are not counted. */
  readonly isElsewhere?: boolean
  /** Scenarios that it can't run, with the reason. */
  readonly lacks?: Readonly<Record<string, string>>
  /** For some benches it is started otherwise. */
  launch(bench?: BenchName): Promise<Launch | Missing>
}

/** A subject that runs in Node: a module whose `open` connects. */
export interface DriverModule {
  open(connectString: string): Promise<Driver>
}
