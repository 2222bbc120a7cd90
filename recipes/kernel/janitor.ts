/**
 * Deletes that are owned until they are confirmed. One janitor per client.
 *
 * A znode of ours that we no longer want blocks everybody behind it for as long as our session lives (kazoo #732: a
 * swallowed connection loss makes a permanent ghost). So each delete is repeated through connection losses and
 * refusals until the server says that the znode is gone, or the session is over, which takes the ephemeral with it.
 * The same holds for creates whose outcome nobody waited for: they are looked for and deleted.
 *
 * Nothing here rejects into the void, and every wait ends with the session, so a closed client has no timer left.
 */
import { hasCode } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { Created, Session, Zk } from '../../src/api/zk.js'
import { sleep } from '../../src/runtime/abort.js'
import { beforeRetry, isOver, isPassing, isUnknown } from './failure.js'
import { findLostCreate, type LostCreate } from './lost-create.js'

/** `gone`: it was not there when we came first, so somebody else deleted it. */
export type Removal = 'deleted' | 'gone' | 'session-over'

const janitors = new WeakMap<Zk, Janitor>()

export class Janitor {
  readonly #zk: Zk
  readonly #disowned = new Set<LostCreate>()
  readonly #removing = new Set<string>()
  /** Creates that nobody waits for, until it is known what they made, and that is gone. */
  readonly #unsettled = new Set<{ readonly container: string; readonly done: Promise<unknown> }>()
  #pending = 0

  private constructor(zk: Zk) {
    this.#zk = zk
  }

  static of(zk: Zk): Janitor {
    const known = janitors.get(zk)
    if (known !== undefined) return known
    const made = new Janitor(zk)
    janitors.set(zk, made)
    return made
  }

  /** Deletes not confirmed yet and lost creates not settled yet: 0 when nothing is left behind. */
  get pending(): number {
    return this.#pending
  }

  /** It was ours, and is to go: a delete of it is not confirmed yet. */
  isRemoving(path: string): boolean {
    return this.#removing.has(path)
  }

  /**
   * Deletes an ephemeral of `session`. The request is sent before this returns. Never rejects.
   *
   * @param onRefused - told once, if the server refuses for a reason that time alone won't cure; it goes on trying.
   */
  async remove(path: string, session: Session, onRefused?: (error: unknown) => void): Promise<Removal> {
    this.#pending++
    this.#removing.add(path)
    try {
      return await this.#remove(path, session, onRefused)
    } finally {
      this.#removing.delete(path)
      this.#pending--
    }
  }

  async #remove(path: string, session: Session, onRefused?: (error: unknown) => void): Promise<Removal> {
    let maybeOurs = false
    let refused = false
    for (let attempt = 0; !session.signal.aborted; attempt++) {
      try {
        if (attempt > 0) await beforeRetry(this.#zk, attempt, session.signal)
        await this.#zk.delete(path, { generation: session.generation })
        return 'deleted'
      } catch (error) {
        if (hasCode(error, 'NO_NODE')) return maybeOurs ? 'deleted' : 'gone'
        if (isOver(session, error)) return 'session-over'
        if (isUnknown(error)) maybeOurs = true
        else if (!isPassing(error) && !refused) {
          refused = true
          this.#zk.logger.warn({ path, error }, 'the server refuses to delete our own znode; trying on')
          onRefused?.(error)
        }
      }
    }
    return 'session-over'
  }

  /** Takes over a create that nobody waits for any more: whatever it makes is deleted. */
  abandon(creating: Promise<Pick<Created, 'path'>>, lost: LostCreate): void {
    const settling = creating.then(
      async (created) => this.remove(created.path, lost.session),
      async (error: unknown) => (isUnknown(error) ? this.#sweep(lost) : undefined),
    )
    this.#settle(lost, settling)
  }

  /** Finds out in the background what became of a lost create, and deletes what it made. */
  search(lost: LostCreate): void {
    this.#settle(lost, this.#sweep(lost))
  }

  #settle({ container }: LostCreate, work: Promise<unknown>): void {
    this.#pending++
    const done = work.finally(() => {
      this.#pending--
      this.#unsettled.delete(entry)
    })
    const entry = { container, done }
    this.#unsettled.add(entry)
  }

  /** Resolves when nothing is left of creates in `container` that nobody waits for by now. Never rejects. */
  async settled(container: string): Promise<void> {
    const here = [...this.#unsettled].filter((entry) => entry.container === container)
    await Promise.all(here.map(async ({ done }) => done))
  }

  /** A lost create that was not found: looks once more later, and meanwhile in every list that comes along. */
  disown(lost: LostCreate): void {
    this.#pending++
    this.#disowned.add(lost)
    void this.#lookLater(lost).finally(() => this.#pending--)
  }

  /** Deletes what a list shows of creates that were given up for lost. Costs nothing while there are none. */
  inspect(container: string, children: readonly string[]): void {
    for (const lost of this.#disowned) {
      if (lost.container !== container) continue
      const name = children.find((child) => child.startsWith(lost.prefix))
      if (name === undefined) continue
      this.#disowned.delete(lost)
      void this.remove(joinPath(container, name), lost.session)
    }
  }

  async #lookLater(lost: LostCreate): Promise<void> {
    const { session } = lost
    try {
      await sleep(this.#zk.runtime.clock, session.timeoutMs, session.signal)
      if (this.#disowned.has(lost)) await this.#sweep(lost)
    } catch {
      // The session is over: there is nothing left to look for.
    } finally {
      this.#disowned.delete(lost)
    }
  }

  async #sweep(lost: LostCreate): Promise<void> {
    const { container, session } = lost
    try {
      const found = await findLostCreate(this.#zk, lost, session.signal)
      if (found !== undefined) await this.remove(found.path, session)
    } catch (error) {
      if (session.signal.aborted) return
      const what = 'could not find out whether a lost create left a znode; it ends with the session'
      this.#zk.logger.warn({ path: joinPath(container, lost.prefix), error }, what)
    }
  }
}
