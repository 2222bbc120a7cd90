/** What a recipe writes of its own acts, beyond what is asked, granted and ended: for its own check. */
import { hasCode, ZkError } from '../../src/index.js'
import { now, type HistoryWriter } from './history.js'

/** With these, or with the outcome `unknown`, a request may end that was broken off; that is promised. */
const BROKEN_OFF = ['CONNECTION_LOSS', 'LOCK_LOST']

const isUnknown = (error: unknown): boolean => !(error instanceof ZkError) || error.outcome === 'unknown'

export class Diary {
  readonly #history: HistoryWriter
  readonly #worker: string
  #count = 0

  constructor(history: HistoryWriter, worker: string) {
    this.#history = history
    this.#worker = worker
  }

  /**
   * Does it, and writes down that it is tried and how it ended. Resolves with whether it is sure to be done.
   * Rejects with what is no ordinary end.
   *
   * @param act - what it resolves with is written down if it is a text.
   */
  async keep(what: string, path: string, act: () => Promise<unknown>): Promise<boolean> {
    const id = `${this.#worker}:${what}:${this.#count++}`
    this.#history.write({ e: 'try', t: now(), id, what, path })
    try {
      const value = await act()
      this.#history.write({
        e: 'did',
        t: now(),
        id,
        outcome: 'ok',
        ...(typeof value === 'string' && { value }),
      })
      return true
    } catch (error) {
      this.#history.write({ e: 'did', t: now(), id, outcome: isUnknown(error) ? 'unknown' : 'no' })
      if (!BROKEN_OFF.some((code) => hasCode(error, code as never))) throw error
      return false
    }
  }
}
