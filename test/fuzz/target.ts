/** What is fuzzed, round by round. A round starts from nothing, so that its number and the seed replay it. */
import type { Random } from '../../src/runtime/random.js'

export interface Target {
  readonly name: 'client' | 'server'
  /**
   * Feeds so many hostile frames. Throws what must never happen; `told` hears of each frame before it is fed, and of
   * what came of it: the same words for the same way through the code.
   */
  round(random: Random, frames: number, told: Told): Promise<void>
  /** One input of the corpus, on a connection of its own; gives what came of it. */
  replay(input: CorpusInput): Promise<string>
}

export interface Told {
  fed(input: CorpusInput): void
  outcome(words: string): void
}

/** A frame and what it depends on. */
export interface CorpusInput {
  /** The operation whose reply (client) it stands for; of the server: `connect` for the first frame, else `open`. */
  readonly at: string
  /** As it comes, its length included. */
  readonly bytes: Buffer
}

/** Numbers and quoted text stand for any other. */
export function inWords(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message
    .replace(/0x[0-9a-f]+|-?\d+/g, '#')
    .replace(/\/[^\s:]*/g, '/')
    .slice(0, 120)
}

/** What no test may let through. */
export class FuzzFailure extends Error {}
