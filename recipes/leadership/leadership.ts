/**
 * A time of being in charge, as a latch or an election gives it to its users: a hold whose end they hear of, whichever
 * way it comes.
 */
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { onAbort } from '../../src/runtime/abort.js'
import type { WaitOptions } from '../kernel/attempt.js'
import { Hold } from '../kernel/hold.js'
import type { Place } from '../kernel/place.js'

export class Leadership extends Hold {
  readonly #ended: Deferred<undefined>
  readonly #unlisten: () => void

  /** @internal */
  constructor(place: Place) {
    super(place)
    this.#ended = deferred<undefined>()
    // Reading the signal sets the watch on our own znode: a leader that is deposed must hear of it.
    this.#unlisten = onAbort(this.signal, () => this.#ended.resolve(undefined))
  }

  /**
   * Resolves when it is lost, or a release has been asked for.
   *
   * @internal
   */
  get ended(): Promise<undefined> {
    return this.#ended.promise
  }

  /**
   * Hands leadership on: our znode is deleted, and the next in line leads. A latch then queues up again behind the
   * others. See {@link Hold.release}.
   */
  override async release(options?: WaitOptions): Promise<void> {
    const released = super.release(options)
    this.#unlisten()
    this.#ended.resolve(undefined)
    return released
  }
}
