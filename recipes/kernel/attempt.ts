/** One caller's wait: its bound, and in words what it waits for just now, for the error when the time is up. */
import { TimeoutError } from '../../src/api/errors.js'
import type { Zk } from '../../src/api/zk.js'
import { abortable, Deadline, onAbort, quietController } from '../../src/runtime/abort.js'

/** What everything that waits takes. */
export interface WaitOptions {
  /** Gives up: rejects with the signal's reason, and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined
  /**
   * Bound on the whole call, connecting included, in milliseconds; then it rejects with `TimeoutError`. Default:
   * none. 0 stands for one try, without waiting for other contenders or for a connection.
   */
  readonly timeoutMs?: number | undefined
}

export class Attempt implements Disposable {
  /** Completes the sentence "… gave up after n ms, while …". */
  stage = 'starting'
  readonly signal: AbortSignal
  /** The error for the time limit, as of now. */
  readonly timeout: () => TimeoutError
  readonly #deadline: Deadline
  readonly #endOfTry: () => void

  /**
   * @param what - what is tried, for the message of the `TimeoutError`.
   * @param path - for the error's `path`.
   */
  constructor(zk: Zk, what: string, path: string, options: WaitOptions) {
    const { timeoutMs } = options
    this.timeout = () => {
      const message = `${what} ${path}: gave up after ${timeoutMs ?? 0} ms, while ${this.stage}`
      return new TimeoutError(message, { path })
    }
    const { timeout } = this
    const single = timeoutMs === 0 ? singleTry(zk, options.signal, timeout) : undefined
    const bound = single === undefined ? options : { signal: single.signal }
    this.#deadline = new Deadline(zk.runtime.clock, bound, timeout)
    this.#endOfTry = () => single?.end()
    this.signal = this.#deadline.signal
  }

  [Symbol.dispose](): void {
    this.#deadline[Symbol.dispose]()
    this.#endOfTry()
  }
}

/**
 * Waits for something that goes on in the background whatever becomes of this wait.
 *
 * @param work - is begun even if the wait is over at once; but not if the options are misuse.
 */
export async function awaitWithin<T>(
  zk: Zk,
  what: string,
  path: string,
  options: WaitOptions | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (options === undefined) return work()
  using attempt = new Attempt(zk, what, path, options)
  attempt.stage = 'waiting for the server to confirm it (it goes on in the background)'
  return await abortable(work(), attempt.signal)
}

/** One try lasts as long as the connection: a timer of 0 ms would end it before any server could answer. */
function singleTry(
  zk: Zk,
  signal: AbortSignal | undefined,
  timeout: () => TimeoutError,
): { signal: AbortSignal; end: () => void } {
  const controller = quietController()
  const unlisten = onAbort(signal, (reason) => controller.abort(reason))
  const check = (): void => {
    if (zk.state !== 'connected') controller.abort(timeout())
  }
  const off = zk.on('state', check)
  check()
  const end = (): void => {
    unlisten()
    off()
  }
  return { signal: controller.signal, end }
}
