/** Those who want to know when what they hold is asked for. Each is told once; what one throws is only logged. */
import type { Logger } from '../../src/api/zk.js'

export type RevokeListener = () => void | Promise<void>

export class RevokeRequests {
  readonly #logger: Logger
  readonly #path: string
  readonly #waiting = new Set<{ readonly listener: RevokeListener }>()
  #asked = false

  /** @param path - for the log. */
  constructor(logger: Logger, path: string) {
    this.#logger = logger
    this.#path = path
  }

  /** Returns the way to stop. If it was asked for before, it is told in this turn, but after this returns. */
  add(listener: RevokeListener): () => void {
    if (typeof listener !== 'function') {
      throw new TypeError(`onRevokeRequested needs a function, got ${typeof listener}`)
    }
    const entry = { listener }
    this.#waiting.add(entry)
    if (this.#asked) void Promise.resolve().then(() => this.#tellAll())
    return () => void this.#waiting.delete(entry)
  }

  ask(): void {
    if (this.#asked) return
    this.#asked = true
    this.#tellAll()
  }

  /** Nobody is told any more. */
  clear(): void {
    this.#waiting.clear()
  }

  #tellAll(): void {
    for (const entry of this.#waiting) {
      this.#waiting.delete(entry)
      void this.#tell(entry.listener)
    }
  }

  async #tell(listener: RevokeListener): Promise<void> {
    try {
      await listener()
    } catch (error) {
      this.#logger.error({ path: this.#path, error }, 'a listener of onRevokeRequested failed')
    }
  }
}
