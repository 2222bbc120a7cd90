/**
 * What a znode's data is, and each newer state of it: the newest always arrives, those in between may not.
 *
 * One-shot watch and read, in a loop. States are told apart and ordered by the transaction that wrote them (mzxid): the
 * version of a znode made again can be that of the old one, and a version can be 0 or negative (CURATOR-329, 688).
 * The end of the session ends the watch: it is set again on the next one, with a read, so that nothing is missed
 * (CURATOR-311).
 */
import { ClosedError, hasCode } from '../../src/api/errors.js'
import type { NodeData, Session, Zk } from '../../src/api/zk.js'
import { abortable, checkSignal, onAbort, quietController } from '../../src/runtime/abort.js'
import { deferred } from '../../src/runtime/deferred.js'
import { throwUnlessPassing } from '../kernel/enqueue.js'
import { beforeRetry } from '../kernel/failure.js'
import { OneShotWatch } from '../kernel/one-shot-watch.js'
import type { Reading } from './cell-access.js'

/**
 * The state now, then each newer one that is seen. Ends without an error when `signal` aborts or the client is closed;
 * rejects with what the server refuses.
 */
export async function* nodeChanges(zk: Zk, path: string, signal: AbortSignal): AsyncGenerator<Reading, void> {
  let last: bigint | undefined | 'none' = 'none'
  const isOver = (): boolean => signal.aborted
  for (let failures = 0; !isOver();) {
    try {
      const session = await beforeRetry(zk, failures, signal)
      const { reading, changed, stop } = await watched(zk, path, session)
      failures = 0
      try {
        if (reading.as?.mzxid !== last) {
          last = reading.as?.mzxid
          yield reading
        }
        await abortable(changed, signal)
      } finally {
        stop()
      }
    } catch (error) {
      if (isOver() || error instanceof ClosedError) return
      throwUnlessPassing(error)
      failures++
    }
  }
}

interface Watched {
  readonly reading: Reading
  /** Resolves when the state may be another one, or the watch ended with its session. */
  readonly changed: Promise<undefined>
  readonly stop: () => void
}

async function watched(zk: Zk, path: string, session: Session): Promise<Watched> {
  const wake = deferred<undefined>()
  const unlisten = onAbort(session.signal, () => wake.resolve(undefined))
  const watch = new OneShotWatch(zk, path, session, () => wake.resolve(undefined))
  const stop = (): void => {
    unlisten()
    watch.stop()
  }
  const { generation } = session
  try {
    const got = await watch.read(async (listener) => readOrNothing(zk, path, { watch: listener, generation }))
    if (got !== undefined) return { reading: { data: got.data, as: got.stat }, changed: wake.promise, stop }
    // A read of a missing znode sets no watch; this one does, and is of the znode's creation.
    const stat = await watch.read(async (listener) => zk.exists(path, { watch: listener, generation }))
    if (stat === undefined)
      return { reading: { data: undefined, as: undefined }, changed: wake.promise, stop }
    stop()
    return await watched(zk, path, session)
  } catch (error) {
    stop()
    throw error
  }
}

async function readOrNothing(
  zk: Zk,
  path: string,
  options: Parameters<Zk['get']>[1],
): Promise<NodeData | undefined> {
  try {
    return await zk.get(path, options)
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return undefined
    throw error
  }
}

/**
 * The values that the states of a znode stand for: to iterators, and to listeners, who are told of each from the first
 * listener to the last. What a listener throws is logged. So is a state that stands for no value: listeners are told of the
 * next one that does. And so is why the watching ended, if it did; it begins again with the next listener.
 */
export class ValueChanges<T> {
  readonly #zk: Zk
  readonly #path: string
  readonly #decode: (reading: Reading) => T
  readonly #listeners = new Set<(value: T) => void>()
  #controller: AbortController | undefined

  /** @param decode - throws for what is no value. */
  constructor(zk: Zk, path: string, decode: (reading: Reading) => T) {
    this.#zk = zk
    this.#path = path
    this.#decode = decode
  }

  /** See {@link nodeChanges}; rejects with what `decode` throws too. @throws TypeError for what is no signal. */
  values({ signal }: { readonly signal?: AbortSignal | undefined }): AsyncGenerator<T, void> {
    checkSignal(signal)
    return this.#values(signal ?? quietController().signal)
  }

  async *#values(signal: AbortSignal): AsyncGenerator<T, void> {
    for await (const reading of nodeChanges(this.#zk, this.#path, signal)) yield this.#decode(reading)
  }

  /** @throws TypeError for another event than `change`, and unless `listener` is a function. */
  listen(event: string, listener: (value: T) => void): () => void {
    if (event !== 'change') throw new TypeError(`there is no event ${event}: only change`)
    if (typeof listener !== 'function') throw new TypeError('listener must be a function')
    const own = (value: T): void => listener(value)
    this.#listeners.add(own)
    if (this.#controller === undefined) void this.#run((this.#controller = quietController()))
    return () => {
      this.#listeners.delete(own)
      if (this.#listeners.size > 0) return
      this.#controller?.abort()
      this.#controller = undefined
    }
  }

  async #run(controller: AbortController): Promise<void> {
    try {
      for await (const reading of nodeChanges(this.#zk, this.#path, controller.signal)) this.#tellOf(reading)
    } catch (error) {
      this.#say('a value can not be watched any more', error)
    }
    if (this.#controller === controller) this.#controller = undefined
  }

  #tellOf(reading: Reading): void {
    let value: T
    try {
      value = this.#decode(reading)
    } catch (error) {
      return this.#say('there is no such value just now; listeners are told of the next one', error)
    }
    for (const listener of [...this.#listeners]) {
      try {
        listener(value)
      } catch (error) {
        this.#say('a listener for changes of a value threw', error)
      }
    }
  }

  #say(what: string, error: unknown): void {
    this.#zk.logger.error({ path: this.#path, error }, what)
  }
}
