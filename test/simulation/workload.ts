/** What a recipe brings to be simulated: what its users do, and what must never be seen. See README.md. */
import type { Client, Random } from 'latchkey'
import type { SimulatedCluster, SimulatedProcess, SimulationEvent } from 'latchkey/testing'

/** A recipe under simulation: one file in `workloads`. */
export interface Workload {
  /** As `--recipe` has it. */
  readonly name: string
  /** Default: 5. */
  readonly processes?: number
  /** That run at the same time in each process. Default: 2. */
  readonly tasks?: number
  /** Its share of a campaign's acquisitions, beside those of the others. Default: 1. */
  readonly weight?: number
  /** Mean time between faults, so that there are enough of them for so many acquisitions. Default: 500 ms. */
  readonly faultEveryMs?: number
  /** Begins a run. */
  begin(stage: Stage): Play
}

/** One run. */
export interface Play {
  /** Operations by this name whose `ok` counts as an acquisition. Default: `acquire`. */
  readonly counted?: string
  /** How many ephemerals a task may have at a time on the server. More is a ghost. Default: 1. */
  readonly znodesPerTask?: number
  /** That a process may have while none of its tasks is busy. Default: none. */
  readonly znodesPerProcess?: number
  /** Below these nothing ephemeral may be left when all is over. */
  readonly paths: readonly string[]
  /** Sees every event, in order, on the cluster's clock. */
  readonly checkers: readonly Checker[]
  /** Before the processes start, by a client that no fault touches. */
  prepare?(zk: Client): Promise<void>
  /**
   * One turn of a task: takes, uses and gives back, say. It is called again and again, with faults at any moment, and
   * must end soon whatever happens. What it throws is a violation.
   */
  turn(task: Task): Promise<void>
  /** When all turns have ended and all faults are healed, and before the clients are closed. */
  finish?(task: Task): Promise<void>
}

export interface Checker {
  observe(event: SimulationEvent): void
  /** At the very end. */
  finish?(): void
}

export interface Violation {
  readonly atMs: number
  /** The rule that was broken: the same for every instance of it. */
  readonly rule: string
  readonly details: string
}

/** What a play and its checkers know of the run. */
export interface Stage {
  readonly cluster: SimulatedCluster
  readonly sessionTimeoutMs: number
  /** After all faults are healed, the first grant must come within this time. */
  readonly recoveryMs: number
  /** The run ends with the first. */
  violate(rule: string, details: string): void
}

/** One of the tasks of a process, in its present life. */
export interface Task {
  readonly process: SimulatedProcess
  /** One for all tasks of the process. */
  readonly zk: Client
  /** Of this task alone. */
  readonly random: Random
  /** Among those of its process, from 0. */
  readonly index: number
  /** An integer from 0, below `limit`. */
  below(limit: number): number
  /** Made once in a life, and shared by its tasks: the recipe's own object, say. */
  once<T>(name: string, make: () => T): T
}
