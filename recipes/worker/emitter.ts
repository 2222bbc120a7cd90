/** Events with types. A listener's error is logged, never rethrown into whoever raised the event. */
import type { Logger } from '../../src/api/zk.js'

export class Emitter<E extends object> {
  readonly #logger: Logger
  readonly #listeners = new Map<keyof E, Set<(event: never) => void>>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Returns the way to stop. */
  on<K extends keyof E>(name: K, listener: (event: E[K]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  emit<K extends keyof E>(name: K, event: E[K]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        ;(listener as (given: E[K]) => void)(event)
      } catch (error) {
        this.#logger.error({ error, event: name }, 'a listener has thrown')
      }
    }
  }
}
