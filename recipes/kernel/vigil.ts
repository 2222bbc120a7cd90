/**
 * Watches over a place that is held: knows whether it is lost and why, and whether it is asked for.
 *
 * Not obvious:
 * - The end of the session is told by the client, without a request. That somebody deleted our znode takes a watch on
 *   it, which is set when `signal` is first read, or somebody wants to know of requests to give up.
 * - An ephemeral's deletion may be told before the client knows that its session ended: the server tells the watchers
 *   of all that the session's end deletes, us included, and closes our connection then. So "somebody deleted it" needs
 *   proof that the session outlived it: a `sync` that is answered. Its answer comes behind the commit of the session's
 *   end, which closes the connection. It takes a round trip until `signal` aborts, `PROOF_MS` at most; `loss`, `guard` and
 *   `confirm` know at once.
 * - Our own deletion fires our own watch; a release is not a loss.
 */
import type { LockLostError } from '../../src/api/errors.js'
import { onAbort, quietController } from '../../src/runtime/abort.js'
import type { WatchEnd } from './deletion-watch.js'
import { throwUnlessPassing } from './enqueue.js'
import { beforeRetry, isOver, isPassing, isUnknown, lossBy, lossOf } from './failure.js'
import type { Removal } from './janitor.js'
import type { Place } from './place.js'
import { RevokeRequests, type RevokeListener } from './revoke-requests.js'

/** How long the news of a deletion may wait for its reason. */
const PROOF_MS = 100

export class Vigil {
  readonly #place: Place
  /** `exchanging`: another znode is about to take its place. `over`: what happens now is no loss. */
  #state: 'held' | 'exchanging' | 'over' = 'held'
  #lost: LockLostError | undefined
  #isWatching = false
  #controller: AbortController | undefined
  #requests: RevokeRequests | undefined
  readonly #unlisten: (() => void)[] = []

  constructor(place: Place) {
    this.#place = place
    if (place.lossPolicy === 'suspended') this.#loseWithConnection()
  }

  #loseWithConnection(): void {
    const { zk, path } = this.#place
    const check = (): void => {
      if (zk.state === 'connected') return
      this.#lose(lossBy('suspended', path))
      // Nobody believes to hold it any more, so it must not keep others out.
      if (this.#state === 'held') void this.#place.leave()
    }
    this.#unlisten.push(zk.on('state', check))
    check()
  }

  /** Aborts with the loss. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = quietController()
      if (this.#lost !== undefined) this.#controller.abort(this.#lost)
      this.#watch()
    }
    return this.#controller.signal
  }

  #watch(): void {
    const place = this.#place
    const { session, path } = place
    if (this.#isWatching || this.#state === 'over' || this.#lost !== undefined) return
    this.#isWatching = true
    if (session.signal.aborted) {
      this.#lose(lossOf(session, path))
      return
    }
    this.#unlisten.push(onAbort(session.signal, () => this.#lose(lossOf(session, path))))
    place.onWatchEnd((end) => this.#onWatchEnd(end))
    place.onMark(() => this.#requests?.ask())
    if (place.deleted) void this.#prove()
    else void place.watch()
  }

  #onWatchEnd(end: WatchEnd): void {
    if (end.how === 'gone') void this.#prove()
    else void this.#watchAgain(end.error)
  }

  async #watchAgain(error: unknown): Promise<void> {
    const { zk, session, path } = this.#place
    try {
      if (isOver(session, error)) return
      throwUnlessPassing(error)
      await beforeRetry(zk, 2, session.signal)
      if (this.#state === 'held') await this.#place.watch()
    } catch (refusal) {
      if (session.signal.aborted) return
      const what = 'can not watch our own znode: that somebody deletes it will not be noticed'
      zk.logger.warn({ path, error: refusal }, what)
    }
  }

  /** Our znode is gone: did the session outlive it? */
  async #prove(): Promise<void> {
    const { zk, session, path } = this.#place
    const { generation } = session
    const { clock } = zk.runtime
    const end = clock.now() + PROOF_MS
    for (let repetition = 0; ; repetition++) {
      const timeoutMs = Math.max(1, end - clock.now())
      try {
        if (repetition > 0) await zk.ready({ timeoutMs })
        await zk.sync(path, { generation, timeoutMs })
        this.#lose(this.deletion())
        return
      } catch (error) {
        const goesOn = (isUnknown(error) || isPassing(error)) && clock.now() < end
        if (isOver(session, error)) this.#lose(lossOf(session, path))
        else if (!goesOn) this.#lose(this.#doubt(error))
        if (this.#lost !== undefined || this.#state !== 'held') return
      }
    }
  }

  /** The loss by a deletion that the session outlived. */
  deletion(): LockLostError {
    return lossBy(this.#place.looksBroken ? 'revoked' : 'node-deleted', this.#place.path)
  }

  #doubt(cause?: unknown): LockLostError {
    return lossBy('session-in-doubt', this.#place.path, cause)
  }

  /** Why it is lost, as far as is known here; undefined while held, as far as is known, and after a proper release. */
  get loss(): LockLostError | undefined {
    const { session, path, deleted } = this.#place
    if (this.#lost === undefined && this.#state === 'held') {
      if (session.signal.aborted) this.#lose(lossOf(session, path))
      else if (deleted) return this.#doubt()
    }
    return this.#lost
  }

  #lose(loss: LockLostError): void {
    if (this.#state === 'over' || this.#lost !== undefined) return
    this.#lost = loss
    this.#stopListening()
    this.#controller?.abort(loss)
  }

  /** The server itself said, on the living session, that our znode is gone. */
  foundGone(): LockLostError {
    this.#lose(this.deletion())
    return this.#lost ?? this.deletion()
  }

  /** See `Hold.onRevokeRequested`. */
  onRevokeRequested(listener: RevokeListener): () => void {
    const { zk, path } = this.#place
    this.#requests ??= new RevokeRequests(zk.logger, path)
    if (this.#place.isMarked) this.#requests.ask()
    const stop = this.#requests.add(listener)
    if (this.loss !== undefined || this.#state === 'over') this.#requests.clear()
    else this.#watch()
    return stop
  }

  /** Another znode takes its place: until that is decided, it counts as released. */
  beginExchange(): void {
    this.#state = 'exchanging'
  }

  /** It is held as before. */
  undoExchange(): void {
    this.#state = 'held'
    if (this.#lost?.reason === 'suspended') void this.#place.leave()
  }

  /** Its own side is about to give it up: for whoever uses it, that is a loss. */
  resign(): void {
    this.#lose(lossBy('resigned', this.#place.path))
  }

  /** It is given up: nothing that happens from now on is a loss. */
  end(): void {
    this.#state = 'over'
    this.#stopListening()
  }

  /** What the deletion found out, after `end()`. @param doubted - it was seen to be gone before. */
  settle(removal: Removal, doubted: boolean): void {
    const { session, path } = this.#place
    if (this.#lost !== undefined) return
    if (removal === 'gone' || (removal === 'deleted' && doubted)) this.#lost = this.deletion()
    else if (removal === 'session-over' && doubted) this.#lost = lossOf(session, path)
  }

  #stopListening(): void {
    for (const unlisten of this.#unlisten.splice(0)) unlisten()
    this.#place.onWatchEnd(undefined)
    this.#place.onMark(undefined)
    this.#requests?.clear()
  }
}
