/** One kind of fault. */
import type { Random } from '../../../src/runtime/random.js'
import type { Stage } from '../stage.js'

export type Track = 'server' | 'worker' | 'network'

export interface Turn {
  readonly stage: Stage
  readonly random: Random
  /** Waits; ends early when the run ends. */
  pause(fromMs: number, toMs?: number): Promise<void>
}

export interface Fault {
  readonly kind: string
  readonly track: Track
  /** How often, against the others of its track. */
  readonly weight: number
  /** Processes that get a signal each time. */
  readonly processes: number
  /** Does it and heals it. Resolves with what it was done to; undefined if there was nothing to do it to. */
  run(turn: Turn): Promise<string | undefined>
}

export function pick<T>(random: Random, items: readonly T[]): T | undefined {
  return items[Math.floor(random.next() * items.length)]
}

export function pickWeighted<T extends { readonly weight: number }>(random: Random, items: readonly T[]): T {
  let left = random.next() * items.reduce((sum, { weight }) => sum + weight, 0)
  for (const item of items) {
    left -= item.weight
    if (left < 0) return item
  }
  return items.at(-1) as T
}
