/** One act of the demo: the steps that are shown, and what is said of it at the end. */
import type { Client } from 'latchkey'
import type { ListrTask } from 'listr2'
import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from './fleet.js'

export interface Stage {
  readonly zk: Client
  /** On the server, where the demo works. */
  readonly root: string
  /** On this machine, where the workers write down what they do. */
  readonly folder: string
  readonly fleet: Fleet
  readonly signal: AbortSignal
}

export interface Verdict {
  /** Name and value of each line of the report. */
  readonly rows: readonly (readonly [string, string])[]
  /** Empty if all is well. */
  readonly problems: readonly string[]
  /** What was shown, if all is well. */
  readonly claim: string
}

export interface Act {
  readonly steps: readonly ListrTask[]
  /** To be asked when the steps are done. */
  judge(): Promise<Verdict> | Verdict
}

/** So that the last lines of a step's output stay when it is done. */
export const PERSISTENT = { rendererOptions: { outputBar: 1, persistentOutput: true } } as const

export async function lasting(ms: number, { signal }: Stage): Promise<void> {
  await pause(ms, undefined, { signal })
}

export function seconds(us: number): string {
  return `${(us / 1e6).toFixed(2)} s`
}
