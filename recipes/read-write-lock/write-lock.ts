/** The exclusive side of a read-write lock. */
import type { Zk } from '../../src/api/zk.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import type { ContenderQueue } from '../kernel/contender-queue.js'
import { describeLine } from '../kernel/description.js'
import type { Admission } from '../kernel/line.js'
import type { Place } from '../kernel/place.js'
import { breakClaim, revokeClaim, type Asked, type Broken, type Claim } from '../kernel/revocation.js'
import { runHeld } from '../kernel/run-held.js'
import { writing } from './admission.js'
import { replacePlace } from '../kernel/replace-place.js'
import { holding, refuseNestedWrite } from './nesting.js'
import type { ReadWriteContender } from './read-write-contender.js'
import { WriteHold } from './write-hold.js'

export class WriteLock {
  /** Of the read-write lock. */
  readonly path: string
  readonly #zk: Zk
  readonly #queue: ContenderQueue
  readonly #readers: ContenderQueue
  readonly #admission: Admission
  readonly #line: (attempt: Attempt) => Promise<ReadWriteContender[]>

  /** @internal */
  constructor(
    queue: ContenderQueue,
    readers: ContenderQueue,
    isReader: (name: string) => boolean,
    line: (attempt: Attempt) => Promise<ReadWriteContender[]>,
  ) {
    this.path = queue.spec.container
    this.#zk = queue.spec.zk
    this.#queue = queue
    this.#readers = readers
    this.#admission = writing(isReader)
    this.#line = line
  }

  /**
   * Queues up and resolves when it is held for writing: when everybody who came before us is gone. One round trip if
   * the lock is free. From the moment it queues, readers that come later wait behind it.
   *
   * It waits through lost connections, and through the end of its session, after which it queues up again at the end.
   * Whenever it rejects, its znode is gone or is being deleted in the background until that is confirmed.
   *
   * @throws TimeoutError when `timeoutMs` is over; the signal's reason on abort; `ClosedError`; what the server
   * refuses (`NoAuthError` …); `DeadlockError` at once inside of a `run` that holds this lock, for reading too: there
   * is no upgrade. A hold from `acquire` is not known to belong to the caller: who keeps one while waiting here waits
   * for ever, or until `timeoutMs`.
   */
  async acquire(options: WaitOptions = {}): Promise<WriteHold> {
    using attempt = new Attempt(this.#zk, 'acquire for writing', this.path, options)
    if (options.timeoutMs !== 0) {
      refuseNestedWrite(this.#zk, this.path)
      return this.#hold(await this.#queue.wait(this.#admission, attempt))
    }
    const place = await this.#queue.try(this.#admission, attempt)
    if (place !== undefined) return this.#hold(place)
    attempt.stage = 'others were ahead'
    throw attempt.timeout()
  }

  /**
   * Takes it if nobody holds it or waits for it in either way, else undefined. Two round trips if it is free (it looks
   * before it queues); if not, one, and nothing is written. Waits only for the server's answer.
   *
   * @throws as {@link acquire}; never because it is busy.
   */
  async tryAcquire(options: WaitOptions = {}): Promise<WriteHold | undefined> {
    using attempt = new Attempt(this.#zk, 'tryAcquire for writing', this.path, options)
    const place = await this.#queue.try(this.#admission, attempt)
    return place === undefined ? undefined : this.#hold(place)
  }

  /**
   * Acquires, runs `fn`, releases, and gives what `fn` gave. The options bound the acquiring, not `fn`. If `fn`
   * downgraded the hold, the read hold is released in the end.
   *
   * What `fn` throws is what this rejects with. If `fn` succeeded but the lock was lost while it ran, this rejects with
   * the `LockLostError`: another may have run at the same time.
   */
  async run<T>(fn: (hold: WriteHold) => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`run needs a function, got ${typeof fn}`)
    const hold = await this.acquire(options)
    const held = {
      path: hold.path,
      get loss() {
        return hold.eitherLoss
      },
      release: async () => hold.releaseEither(),
    }
    return runHeld(held, this.#zk.logger, () => holding(this.#zk, this.path, hold, () => fn(hold)))
  }

  /** The writers, in order: the first may hold, the others wait. */
  async contenders(options: WaitOptions = {}): Promise<ReadWriteContender[]> {
    using attempt = new Attempt(this.#zk, 'contenders', this.path, options)
    return (await this.#line(attempt)).filter(({ kind }) => kind === 'write')
  }

  /** One line for a log: who holds, who waits, and how long they have. */
  async describe(options: WaitOptions = {}): Promise<string> {
    const line = describeLine(await this.contenders(options), this.#zk.runtime.clock)
    return `write lock ${this.path} (${this.#readers.spec.dialect.name}): ${line}`
  }

  /**
   * Asks a contender, as `contenders()` shows it, to give up: its owner is told if it listens (`onRevokeRequested`, or
   * Curator's `makeRevocable`). Advisory: that one may take its time, or ignore it. Curator's holders are told only of what comes
   * after they began to listen, so asking again may help. Needs WRITE on its znode.
   *
   * @returns `asked`, or `gone` if it is not there any more. On abort it may have been asked, or not.
   * @throws TypeError for what is no contender of this lock; `NoAuthError` …
   */
  async revoke(contender: Claim, options: WaitOptions = {}): Promise<Asked> {
    return revokeClaim(this.#zk, this.path, contender, options)
  }

  /**
   * For operators: takes the place of a contender away, whoever owns it, such as of a process that hangs and keeps its
   * session alive. Only exactly the znode that `contenders()` showed (path and czxid), never one that came later. If it held,
   * the next in line is let in **while the one before may still be at work**: its `signal` aborts with the reason `revoked` if it
   * is alive and watches, but a process that hangs does not hear it. Look at `sessionId`, `id` and `since` first. A waiter
   * that is broken queues up again, at the end.
   *
   * Needs DELETE on the parent, and WRITE on the znode: without that the reason told is `node-deleted`.
   *
   * @returns `broken`, or `gone` if it had gone before. On abort it may have been broken, or not.
   * @throws TypeError for what is no contender of this lock; `NoAuthError` …
   */
  async break(contender: Claim, options: WaitOptions = {}): Promise<Broken> {
    return breakClaim(this.#zk, this.path, contender, options)
  }

  #hold(place: Place): WriteHold {
    return new WriteHold(place, async (writer) => replacePlace(this.#readers.spec, writer))
  }
}
