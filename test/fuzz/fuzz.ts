/** Rounds of hostile frames until there are enough, and the memory that is left behind them. */
import { seededRandom } from '../../src/runtime/random.js'
import { holdings } from '../support/holdings.js'
import type { CorpusInput, Target } from './target.js'

export const ROUND_FRAMES = 512
/** `reliability.md`, promise 6: the frame cap (16 MiB at the client) and 64 MiB. */
const MAX_MEMORY_BYTES = (16 + 64) * 1024 * 1024
const MAX_ROUND_MS = 10_000
const MEMORY_EVERY_ROUNDS = 400

export interface FuzzResult {
  readonly frames: number
  readonly seconds: number
  /** An input for each thing that came of one, the first that did. */
  readonly found: ReadonlyMap<string, CorpusInput>
  /** How often it was so. */
  readonly counts: ReadonlyMap<string, number>
}

function memory(): number {
  const { heapBytes } = holdings()
  return heapBytes + process.memoryUsage().arrayBuffers
}

class Notes {
  readonly found = new Map<string, CorpusInput>()
  readonly counts = new Map<string, number>()
  last: CorpusInput | undefined

  fed(input: CorpusInput): void {
    this.last = input
  }

  outcome(words: string): void {
    const { last } = this
    if (last === undefined) return
    const key = `${last.at}: ${words}`
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
    if (!this.found.has(key)) this.found.set(key, { at: last.at, bytes: Buffer.from(last.bytes) })
  }
}

/**
 * Throws at the first thing that must not happen, with the command that repeats it and the frame.
 *
 * @param firstRound - the one to begin with. A single round is run with stacks in its errors, which cost half of the time.
 */
export async function fuzz(
  target: Target,
  seed: number,
  frames: number,
  firstRound = 0,
): Promise<FuzzResult> {
  const notes = new Notes()
  const before = memory()
  const begun = performance.now()
  const rounds = Math.ceil(frames / ROUND_FRAMES)
  const { stackTraceLimit } = Error
  if (rounds > 1) Error.stackTraceLimit = 0
  try {
    for (let round = firstRound; round < firstRound + rounds; round++) {
      await watchedRound(target, seed, round, notes)
      const isLast = round === firstRound + rounds - 1
      if (!isLast && round % MEMORY_EVERY_ROUNDS !== MEMORY_EVERY_ROUNDS - 1) continue
      const more = memory() - before
      if (more > MAX_MEMORY_BYTES)
        throw new Error(`round ${round}: ${more} bytes more than before the first frame`)
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  const seconds = (performance.now() - begun) / 1000
  return { frames: rounds * ROUND_FRAMES, seconds, found: notes.found, counts: notes.counts }
}

async function watchedRound(target: Target, seed: number, round: number, notes: Notes): Promise<void> {
  const begun = performance.now()
  try {
    await target.round(seededRandom((seed * 1_000_003 + round) | 0), ROUND_FRAMES, notes)
    const tookMs = performance.now() - begun
    if (tookMs > MAX_ROUND_MS) throw new Error(`${ROUND_FRAMES} frames took ${Math.round(tookMs)} ms`)
  } catch (error) {
    const replay = `npm run fuzz -- --target ${target.name} --seed ${seed} --round ${round} --frames ${ROUND_FRAMES}`
    const hex = notes.last === undefined ? 'none' : `${notes.last.at} ${notes.last.bytes.toString('hex')}`
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    throw new Error(`${replay}\nthe last frame: ${hex}\n${what}`, { cause: error })
  }
}
