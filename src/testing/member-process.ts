/** What an engine gives: servers that can be started and ended, without knowledge of ZooKeeper. */
import type { QuorumLinks } from './quorum-links.js'

/** What an engine gives for one server: the means to stop and start it, without knowledge of ZooKeeper. */
export interface MemberProcess {
  readonly host: string
  readonly clientPort: number
  /** Where TLS is served, if it is. */
  readonly securePort: number | undefined
  /** Starts it, on the same ports and data. Resolves when it runs, not when it answers. */
  start(): Promise<void>
  /** Ends it: with time to clean up, or at once. Resolves when it is gone. */
  end(how: 'stop' | 'kill'): Promise<void>
  pause(): Promise<void>
  resume(): Promise<void>
  /** How it ended by itself, if it did. */
  exit(): Promise<string | undefined>
  /** The end of what it wrote, standard error included. */
  logTail(): Promise<string>
}

/** The servers of an ensemble, created but not started. */
export interface EnsembleProcesses extends AsyncDisposable {
  readonly members: readonly MemberProcess[]
  /** Between the servers, where they can be cut. */
  readonly links?: QuorumLinks | undefined
}
