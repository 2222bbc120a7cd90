/**
 * A queue whose items have ids: an item that is in the queue is not put again, and can be taken out by its id. On the
 * server: the native layout with `path/ids`, or Curator's `DistributedIdQueue`, where ids need not be unique.
 */
import { hasCode, NodeExistsError, TransactionError } from '../../src/api/errors.js'
import { joinPath, nameOf, parentOf } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import { Attempt, type WaitOptions } from '../kernel/attempt.js'
import { encodeName } from '../kernel/check.js'
import { ask } from './ask.js'
import { claimToken } from './claim-note.js'
import { FlatLayout } from './flat-layout.js'
import { curatorIdName } from './formats.js'
import type { Candidate } from './layout.js'
import { NativeLayout } from './native-layout.js'
import { shapeOf, type QueueOptions } from './queue.js'
import { commitAnywhere, type Intent, type Step } from './step.js'
import { childrenIfAny } from './shelf.js'
import { WorkQueue } from './work-queue.js'

export interface IdQueueOptions<T> extends Omit<QueueOptions<T>, 'dialect'> {
  /** Default `native`. */
  readonly dialect?: 'native' | 'curator' | undefined
}

export class IdQueue<T> extends WorkQueue<T> {
  /** @throws TypeError, RangeError for a bad path or option. */
  constructor(zk: Zk, path: string, options: IdQueueOptions<T> = {}) {
    super(zk, path, options, shapeOf(options, 'id'))
  }

  /**
   * Puts an item at the end, unless one of that id is in the queue, waiting, delayed or in somebody's hands. Otherwise as
   * `Queue.put`.
   *
   * @returns true if it was put, false if one was there. In Curator's format always true: it does not look.
   */
  async put(item: T, id: string, options: WaitOptions = {}): Promise<boolean> {
    checkId(id)
    try {
      await this.store(item, { id }, options)
      return true
    } catch (error) {
      if (error instanceof NodeExistsError) return false
      throw error
    }
  }

  /**
   * Takes the items of that id out of the queue without delivering them. One that is in somebody's hands stays.
   *
   * @returns how many were removed.
   * @throws ConnectionLossError if the session ended before the reply came and it is gone: then it can't be known.
   */
  async remove(id: string, options: WaitOptions = {}): Promise<number> {
    checkId(id)
    using attempt = new Attempt(this.zk, 'remove', this.path, options)
    attempt.stage = 'removing it'
    const found = await ask(this.zk, attempt, async () => this.#find(id))
    const removals = found.map(async (candidate) => this.#removeOne(id, candidate, attempt.signal))
    const removed = await abortable(Promise.all(removals), attempt.signal)
    return removed.filter(Boolean).length
  }

  async #find(id: string): Promise<Candidate[]> {
    const { layout, zk } = this
    if (layout instanceof FlatLayout)
      return layout.withId(curatorIdName(id), async (path) => childrenIfAny(zk, path))
    if (!(layout instanceof NativeLayout)) return []
    await zk.sync(this.path)
    try {
      const location = (await zk.get(layout.idPath(id))).data.toString()
      const list = await childrenIfAny(zk, parentOf(location))
      const name = list?.children.find((each) => each.startsWith(nameOf(location)))
      return name === undefined ? [] : [{ path: joinPath(parentOf(location), name), name, count: 1 }]
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return []
      throw error
    }
  }

  /** A claim made and deleted in the same transaction says that nobody has one. */
  async #removeOne(id: string, { path, name }: Candidate, signal: AbortSignal): Promise<boolean> {
    const { layout, zk } = this
    const claim = joinPath(layout.claims, name)
    const claimStep: Step = {
      add: (transaction) => transaction.create(claim, null, { mode: 'ephemeral' }),
      mend: async (failure) => {
        if (!hasCode(failure, 'NO_NODE')) return false
        await layout.ensure(layout.claims)
        return true
      },
    }
    const steps: Step[] = [
      { add: (transaction) => transaction.delete(path) },
      claimStep,
      { add: (transaction) => transaction.delete(claim) },
      ...layout.removalSteps({ k: id }),
    ]
    const intent: Intent = {
      steps: async () => Promise.resolve(steps),
      wasApplied: async (limits) => {
        const isClaimed = (await claimToken(zk, claim, limits)) !== undefined
        return !isClaimed && (await zk.exists(path, limits)) === undefined
      },
    }
    try {
      await commitAnywhere(zk, intent, signal)
      return true
    } catch (error) {
      const cause = error instanceof TransactionError ? error.failure : error
      if (hasCode(cause, 'NO_NODE', 'NODE_EXISTS')) return false
      throw cause
    }
  }
}

/** @throws TypeError unless it can be the name of an item. */
function checkId(id: unknown): void {
  if (typeof id !== 'string' || id === '') throw new TypeError('id must be a string that is not empty')
  encodeName('id', id)
}
