/** One part of the test command, and what it comes to. */
import type { CommandResult } from './command.js'

export interface Outcome {
  readonly passed: number
  readonly failed: number
  /** Tests that exist and were not run. */
  readonly skipped: number
  /** Shown when something failed. */
  readonly output?: string
  /** Shown always: what was not run and why. */
  readonly notes?: readonly string[]
}

export interface Part {
  readonly name: string
  /** What `npm test -- NAME` selects it by, besides its name. */
  readonly group:
    | 'simulation'
    | 'canaries'
    | 'fuzz'
    | 'storm'
    | 'torture'
    | 'static'
    | 'package'
    | 'unit'
    | 'embedded'
    | 'ensemble'
  run(): Promise<Outcome>
}

/** A check that is one step: it counts one. */
export function outcomeOf({ ok, output }: CommandResult, name?: string): Outcome {
  const shown = name === undefined ? output : `${name}:\n${output}`
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, output: shown }
}

export function sum(outcomes: readonly Outcome[]): Outcome {
  const total = (key: 'passed' | 'failed' | 'skipped'): number =>
    outcomes.reduce((count, outcome) => count + outcome[key], 0)
  return {
    passed: total('passed'),
    failed: total('failed'),
    skipped: total('skipped'),
    output: outcomes.flatMap((outcome) => (outcome.failed > 0 ? [outcome.output ?? ''] : [])).join('\n'),
    notes: outcomes.flatMap((outcome) => outcome.notes ?? []),
  }
}
