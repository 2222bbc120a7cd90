/** Watches of one look, which may still be reading when it is given up: what is added after `stop()` sets no watch. */
import type { OneShotWatch } from '../kernel/one-shot-watch.js'

export class Watches {
  readonly #watches: OneShotWatch[] = []
  #stopped = false

  add(watch: OneShotWatch): void {
    if (this.#stopped) watch.stop()
    else this.#watches.push(watch)
  }

  stop(): void {
    this.#stopped = true
    for (const watch of this.#watches) watch.stop()
  }
}
