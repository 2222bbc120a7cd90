/**
 * Sees the children of one znode and the limit, as of one moment, and waits until either changes. Only one waiter of a
 * semaphore does so at a time, so a release wakes one.
 */
import { hasCode } from '../../src/api/errors.js'
import type { Session, Zk } from '../../src/api/zk.js'
import { abortable, onAbort } from '../../src/runtime/abort.js'
import { deferred } from '../../src/runtime/deferred.js'
import { beforeRetry, isOver, isPassing, isUnknown } from '../kernel/failure.js'
import { Janitor } from '../kernel/janitor.js'
import { OneShotWatch } from '../kernel/one-shot-watch.js'
import type { LimitState, PermitLimit } from './permit-limit.js'

export interface View {
  readonly children: readonly string[]
  readonly limit: LimitState
}

export interface LookoutSpec {
  readonly zk: Zk
  readonly container: string
  readonly limit: PermitLimit
  readonly session: Session
  /** Of the attempt. */
  readonly signal: AbortSignal
  /** Makes the container; called when it is missing. */
  readonly makeContainer: () => Promise<void>
}

interface Watches {
  readonly children: OneShotWatch
  readonly limit: OneShotWatch
}

export class Lookout {
  readonly #spec: LookoutSpec

  constructor(spec: LookoutSpec) {
    this.#spec = spec
  }

  /** Rejects with the reason of the signal, with what the server refuses, or when the session is over. */
  async look(watches?: Watches): Promise<View> {
    const { zk, container, limit, session, signal, makeContainer } = this.#spec
    for (let repetition = 0; ; repetition++) {
      try {
        if (repetition > 0) await beforeRetry(zk, repetition, signal)
        const { value, limit: state } = await this.#read(watches)
        Janitor.of(zk).inspect(container, value)
        return { children: value, limit: state }
      } catch (error) {
        signal.throwIfAborted()
        if (isOver(session, error)) throw error
        if (hasCode(error, 'NO_NODE') && error.path !== limit.path) await makeContainer()
        else if (!isUnknown(error) && !isPassing(error)) throw error
      }
    }
  }

  async #read(watches: Watches | undefined): Promise<{ value: readonly string[]; limit: LimitState }> {
    const { zk, container, limit, session, signal } = this.#spec
    const { generation } = session
    if (watches === undefined) {
      const options = { signal, generation }
      return limit.during(async () => (await zk.children(container, options)).children, options)
    }
    const list = async (): Promise<readonly string[]> =>
      (await watches.children.read(async (watch) => zk.children(container, { watch, generation }))).children
    return abortable(limit.during(list, { generation }, watches.limit), signal)
  }

  /**
   * Looks; unless that decides, waits until the children or the limit change, the session ends or `alsoWake` is
   * called, and looks again. What it gives need not decide.
   *
   * @param onWait - given the way to end the wait; what it returns is called at its end.
   */
  async lookOrWait(
    decides: (view: View) => boolean | Promise<boolean>,
    onWait: (wake: () => void) => () => void = () => () => undefined,
  ): Promise<View> {
    const { zk, container, limit, session, signal } = this.#spec
    const woken = deferred<undefined>()
    const wake = (): void => woken.resolve(undefined)
    const watches = {
      children: new OneShotWatch(zk, container, session, wake),
      limit: new OneShotWatch(zk, limit.path ?? container, session, wake),
    }
    const unlisten = onAbort(session.signal, wake)
    const endWait = onWait(wake)
    try {
      const view = await this.look(watches)
      if (await decides(view)) return view
      await abortable(woken.promise, signal)
    } finally {
      endWait()
      unlisten()
      watches.children.stop()
      watches.limit.stop()
    }
    return this.look()
  }
}
