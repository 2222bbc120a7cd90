/**
 * How an idle consumer waits for work without asking again and again, and without all of them waking up for one item.
 *
 *   own/waiting/<place>   ephemeral sequential: idle consumers in line (the contender kernel)
 *
 * Only the first two in line watch the queue; everyone else watches the place two ahead. Who has taken
 * something leaves the line, and so the next moves up and looks for itself; who was beaten keeps its place. So an item wakes
 * at most three consumers, however many are idle; two look out, as one that is stalled would hold up all for as long
 * as its session lives. Who took something and is idle again within some milliseconds has kept its place: joining and leaving are
 * two writes, which a lone consumer that is faster than the producers would make for each item.
 *
 * In other libraries' layouts all idle consumers watch, as their peers do.
 */
import type { Session, WatchListener, Zk } from '../../src/api/zk.js'
import { hasCode } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import { abortable, onAbort } from '../../src/runtime/abort.js'
import type { Timer } from '../../src/runtime/clock.js'
import { deferred } from '../../src/runtime/deferred.js'
import { Attempt } from '../kernel/attempt.js'
import { ContenderQueue } from '../kernel/contender-queue.js'
import { dialects } from '../kernel/dialect.js'
import type { Admission } from '../kernel/line.js'
import type { Place } from '../kernel/place.js'
import { OneShotWatch } from '../kernel/one-shot-watch.js'
import type { Layout, Lister, Sight } from './layout.js'
import { sessionTimer } from '../kernel/session-timer.js'
import { Watches } from './watches.js'

const LOOKOUTS = 2
/** So long may somebody be in line who is at work, while those behind him wait. */
const LINGER_MS = 20

/** What is due is due by the calendar, whose steps nobody tells: it is looked at that often. Nothing is asked for it. */
const RECHECK_MS = 10_000

const lookouts: Admission = (contenders, index) => {
  const contender = contenders[index - LOOKOUTS]
  return contender === undefined ? undefined : { contender, sole: index === LOOKOUTS }
}

export class WorkWatch {
  readonly #zk: Zk
  readonly #layout: Layout
  readonly #line: ContenderQueue | undefined
  /** Among the first in line; kept while others are faster. */
  #place: Place | undefined
  /** Runs while we have something to do and are in line yet. */
  #linger: Timer | undefined

  constructor(zk: Zk, layout: Layout, consumer: string) {
    this.#zk = zk
    this.#layout = layout
    const container = joinPath(layout.own, 'waiting')
    this.#line = layout.keepsNotes
      ? new ContenderQueue({ zk, container, dialect: dialects.curator, data: consumer })
      : undefined
  }

  /** Resolves when there may be something to take. Rejects with the reason of the signal, or with what is refused. */
  async wait(signal: AbortSignal): Promise<void> {
    if (this.#line === undefined) return this.#watch(await this.#zk.ready({ signal }), signal)
    this.#stay()
    if (this.#place?.session.signal.aborted !== false) {
      using attempt = new Attempt(this.#zk, 'wait for items', this.#layout.own, { signal })
      this.#place = await this.#line.wait(lookouts, attempt)
    }
    await this.#watch(this.#place.session, signal)
  }

  /** Nobody here wants anything: the next in line moves up. */
  leave(): void {
    this.#stay()
    void this.#place?.leave()
    this.#place = undefined
  }

  /** Something was taken: the next in line moves up unless we are idle again in a moment. */
  leaveSoon(): void {
    const place = this.#place
    if (place === undefined || this.#linger !== undefined) return
    this.#linger = sessionTimer(this.#zk, place.session, LINGER_MS, () => this.leave())
  }

  #stay(): void {
    this.#linger?.cancel()
    this.#linger = undefined
  }

  async #watch(session: Session, signal: AbortSignal): Promise<void> {
    const woken = deferred<undefined>()
    const wake = (): void => woken.resolve(undefined)
    const watches = new Watches()
    const unlisten = onAbort(session.signal, wake)
    let timer: { cancel(): void } | undefined
    try {
      const { candidates, dueAt } = await abortable(this.#look(session, wake, watches), signal)
      if (candidates.length > 0) return
      const { clock } = this.#zk.runtime
      const wakeWhenDue = (at: number): void => {
        const leftMs = at - clock.wall()
        if (leftMs <= 0) wake()
        // At least a millisecond: what is left over from rounding could be too little for a timer to get anywhere.
        else timer = clock.setTimer(Math.min(Math.max(1, leftMs), RECHECK_MS), () => wakeWhenDue(at))
      }
      if (dueAt !== undefined) wakeWhenDue(dueAt)
      await abortable(woken.promise, signal)
    } finally {
      unlisten()
      timer?.cancel()
      watches.stop()
    }
  }

  /** Looks once more, with a watch on each list that is read. */
  async #look(session: Session, wake: () => void, watches: Watches): Promise<Sight> {
    const { generation } = session
    const list: Lister = async (path, stays) => {
      for (;;) {
        const watch = new OneShotWatch(this.#zk, path, session, wake)
        watches.add(watch)
        try {
          const by = async (listener: WatchListener | undefined) =>
            this.#zk.children(path, { watch: listener, generation })
          return await watch.read(by)
        } catch (error) {
          if (!hasCode(error, 'NO_NODE')) throw error
          if (stays !== true) return undefined
          await this.#layout.ensure(path)
        }
      }
    }
    return this.#layout.look(list, 1)
  }
}
