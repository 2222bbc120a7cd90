/**
 * One term of office of an elected leader: a hold whose znode shows a value to everybody who looks.
 *
 * Only we write into our znode (but for somebody who asks us to give up), one write after the other. So a write whose
 * reply was lost may be repeated: the requests of a session are applied in order, and a repetition of the newest value
 * changes nothing. It never hits another one's znode: the name has our UUID in it, and the call is bound to our session.
 */
import { hasCode } from '../../src/api/errors.js'
import type { Data, Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { throwUnlessPassing } from '../kernel/enqueue.js'
import { beforeRetry, isOver } from '../kernel/failure.js'
import type { Place } from '../kernel/place.js'
import { Leadership } from './leadership.js'
import { checkValue } from './value.js'

export class Term extends Leadership {
  readonly #zk: Zk
  readonly #place: Place
  #lastWrite: Promise<unknown> = Promise.resolve()

  /** @internal */
  constructor(place: Place) {
    super(place)
    this.#zk = place.zk
    this.#place = place
  }

  /**
   * Shows `value` to all who observe the election. Several at once are written in the order of the calls. Resolves when
   * the ensemble has it, and only while this term lasts.
   *
   * @throws LockLostError if the term is over, TypeError if it was resigned or for a bad value, `TimeoutError` or the
   * signal's reason: then it may be shown or not, but never after a later one.
   */
  async proclaim(value: Data, options: WaitOptions = {}): Promise<void> {
    checkValue(value)
    this.#throwIfOver()
    using attempt = new Attempt(this.#zk, 'proclaim', this.path, options)
    attempt.stage = 'waiting for an earlier value to be written'
    const written = this.#lastWrite.then(async () => this.#write(value, attempt))
    this.#lastWrite = written.catch(() => undefined)
    await abortable(written, attempt.signal)
  }

  async #write(value: Data, attempt: Attempt): Promise<void> {
    const { session } = this.#place
    const { generation } = session
    const { signal } = attempt
    attempt.stage = 'waiting for the ensemble to take it'
    for (let repetition = 0; ; repetition++) {
      signal.throwIfAborted()
      this.#throwIfOver()
      try {
        if (repetition > 0) await beforeRetry(this.#zk, repetition, signal)
        this.#place.writing()
        await this.#zk.set(this.path, value, { signal, generation })
        return
      } catch (error) {
        signal.throwIfAborted()
        if (hasCode(error, 'NO_NODE')) await this.confirm({ signal })
        else if (!isOver(session, error)) throwUnlessPassing(error)
      }
    }
  }

  #throwIfOver(): void {
    if (this.loss !== undefined) throw this.loss
    if (!this.isHeld) throw new TypeError(`the term of ${this.path} was resigned`)
  }

  /** Ends the term: deletes our znode, and the next candidate is elected. The same as `release`. */
  async resign(options?: WaitOptions): Promise<void> {
    return this.release(options)
  }
}
