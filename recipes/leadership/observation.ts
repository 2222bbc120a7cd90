/**
 * Following who leads and what it proclaims.
 *
 * - The leader's znode is watched, with a `get`: whoever follows it is the next in a line that only grows at its end, so
 *   nothing but its deletion makes another one lead. While there is no candidate the parent's children are watched, and
 *   while there is no parent the parent.
 * - Ordered: each list is in sync with the leader of the ensemble, and a client never goes back behind what it has seen,
 *   so a later look shows a later state.
 * - The newest arrives: after each event it looks again, and sets the next watch with that same look. What changes
 *   between two looks is shown as one change.
 */
import { hasCode } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { NodeData, WatchEvent, WatchListener, Zk } from '../../src/api/zk.js'
import { abortable, onAbort, quietController } from '../../src/runtime/abort.js'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'
import { Attempt } from '../kernel/attempt.js'
import type { ContenderQueue } from '../kernel/contender-queue.js'
import { throwUnlessPassing } from '../kernel/enqueue.js'
import { sequenceOf } from '../kernel/dialect.js'
import { beforeRetry } from '../kernel/failure.js'
import { leaderOf, type Leader } from './leader.js'

/** One watch, and its one event. */
class OneEvent {
  readonly #zk: Zk
  readonly #path: string
  readonly #fired: Deferred<WatchEvent['type'] | undefined> = deferred()
  #isSet = false

  constructor(zk: Zk, path: string) {
    this.#zk = zk
    this.#path = path
  }

  readonly listener: WatchListener = ({ type }) => {
    this.#isSet = false
    this.#fired.resolve(type)
  }

  /** The read that sets the watch. It is not aborted: a watch whose reply we no longer wait for can't be taken back. */
  async by<T>(read: Promise<T>): Promise<T> {
    const result = await read
    this.#isSet = true
    return result
  }

  /** The event, or undefined when `signal` aborts. */
  async next(signal: AbortSignal): Promise<WatchEvent['type'] | undefined> {
    const unlisten = onAbort(signal, () => this.#fired.resolve(undefined))
    try {
      return await this.#fired.promise
    } finally {
      unlisten()
    }
  }

  takeBack(): void {
    if (!this.#isSet) return
    this.#isSet = false
    this.#zk.removeWatch(this.#path, this.listener).catch((error: unknown) => {
      this.#zk.logger.debug({ path: this.#path, error }, 'a watch could not be taken back')
    })
  }
}

interface Sight {
  readonly leader: Leader | undefined
  readonly event: OneEvent
}

/** Ends when `signal` aborts. Rejects with what the server refuses, or when the client is closed. */
export async function* observeLeader(
  queue: ContenderQueue,
  signal: AbortSignal | undefined,
): AsyncGenerator<Leader | undefined, void, undefined> {
  // A controller of its own: it ends what is under way also when the reader leaves.
  const over = quietController()
  const unlisten = onAbort(signal, (reason) => over.abort(reason))
  let sight: Sight | undefined
  try {
    let shown: { readonly leader: Leader | undefined } | undefined
    while (!over.signal.aborted) {
      sight = await look(queue, sight, over.signal)
      if (sight === undefined) return
      const { leader } = sight
      if (shown === undefined || !isSame(shown.leader, leader)) {
        shown = { leader }
        yield leader
      }
      await sight.event.next(over.signal)
    }
  } finally {
    unlisten()
    sight?.event.takeBack()
  }
}

function isSame(a: Leader | undefined, b: Leader | undefined): boolean {
  return a?.path === b?.path && a?.version === b?.version
}

/** Undefined if it was aborted; what a read that is under way then sets is taken back. */
async function look(
  queue: ContenderQueue,
  last: Sight | undefined,
  signal: AbortSignal,
): Promise<Sight | undefined> {
  for (let repetition = 1; ; repetition++) {
    const looking = lookAgain(queue, repetition === 1 ? last : undefined, repetition, signal)
    try {
      return await abortable(looking, signal)
    } catch (error) {
      if (signal.aborted) {
        void looking.then(
          ({ event }) => event.takeBack(),
          () => undefined,
        )
        return undefined
      }
      throwUnlessPassing(error)
    }
  }
}

async function lookAgain(
  queue: ContenderQueue,
  last: Sight | undefined,
  repetition: number,
  signal: AbortSignal,
): Promise<Sight> {
  const { zk } = queue.spec
  if (repetition > 1) await beforeRetry(zk, repetition, signal)
  const same = last?.leader === undefined ? undefined : await watchNode(zk, last.leader.path)
  return same ?? (await lookForLeader(queue, signal))
}

async function lookForLeader(queue: ContenderQueue, signal: AbortSignal): Promise<Sight> {
  const { zk, container } = queue.spec
  for (;;) {
    using attempt = new Attempt(zk, 'observe', container, { signal })
    for (const { name } of await queue.contenders(attempt)) {
      const sight = await watchNode(zk, joinPath(container, name))
      if (sight !== undefined) return sight
    }
    const sight = await watchForCandidates(queue)
    if (sight !== undefined) return sight
    signal.throwIfAborted()
  }
}

/** Undefined if it is gone. */
async function watchNode(zk: Zk, path: string): Promise<Sight | undefined> {
  const event = new OneEvent(zk, path)
  let node: NodeData
  try {
    node = await event.by(zk.get(path, { watch: event.listener }))
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return undefined
    throw error
  }
  return { leader: leaderOf(path, node), event }
}

/** Undefined if there are some. */
async function watchForCandidates({ spec }: ContenderQueue): Promise<Sight | undefined> {
  const { zk, container, dialect } = spec
  const event = new OneEvent(zk, container)
  const none: Sight = { leader: undefined, event }
  try {
    const { children } = await event.by(zk.children(container, { watch: event.listener }))
    if (!children.some((name) => sequenceOf(dialect, name) !== undefined)) return none
  } catch (error) {
    if (!hasCode(error, 'NO_NODE')) throw error
    const stat = await event.by(zk.exists(container, { watch: event.listener }))
    if (stat === undefined) return none
  }
  event.takeBack()
  return undefined
}
