/** Events with types. A listener's error is logged, never rethrown into whoever raised the event. */
import type { Logger } from '../../src/api/zk.js'

export class Emitter<E extends object> {
  readonly #logger: Logger
  readonly #listeners: ReadonlyMap<keyof E, Set<(event: never) => void>>

  /** @param names - of all events. */
  constructor(logger: Logger, names: readonly (keyof E & string)[]) {
    this.#logger = logger
    this.#listeners = new Map(names.map((name) => [name, new Set()]))
  }

  /** Returns the way to stop. @throws TypeError for an event that there is not, or a listener that is no function. */
  on<K extends keyof E>(name: K, listener: (event: E[K]) => void): () => void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined) throw new TypeError(`there is no event ${JSON.stringify(name)}`)
    if (typeof listener !== 'function') throw new TypeError('listener must be a function')
    // A wrapper of its own, so that the same function may be registered twice and taken away once.
    const own = (event: E[K]): void => listener(event)
    listeners.add(own)
    return () => void listeners.delete(own)
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
