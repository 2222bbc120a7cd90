/**
 * The double barrier as Curator and kazoo have it, to take part with them.
 *
 *   path/<uuid>      ephemeral, one per member (kazoo: 32 hex digits)
 *   path/ready       persistent; made by whoever sees all members there, and then all may enter
 *
 * In this layout `ready` says nothing of whom it is for, so it can't be made safe for Java and Python peers:
 * - A crash after `ready` was made leaves it behind, and the next peer enters alone. We don't: a `ready` that is older
 *   than our own znode (czxid) is not for us. We wait until it is made anew or all are there, and if nobody but
 *   us is there at all, no round can be under way, and we delete it.
 * - A member that timed out counts until its znode is gone. Peers leave theirs (CURATOR-318); ours is deleted.
 * - Members of a round that is leaving count for those who enter, here as there.
 *
 * Leaving: the lowest member (by name) stays until all others are gone, and watches the highest; the others delete their
 * own and watch the lowest. Each wake-up is followed by a list, so nobody spins (CURATOR-233) or leaves on a
 * stray event.
 */
import type { Acl } from '../../src/api/acl.js'
import { hasCode } from '../../src/api/errors.js'
import { joinPath, nameOf } from '../../src/api/path.js'
import type { Data, Session, Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import type { Attempt } from '../kernel/attempt.js'
import { throwUnlessPassing } from '../kernel/enqueue.js'
import { beforeRetry, isOver } from '../kernel/failure.js'
import { makeEphemeral } from '../kernel/make-ephemeral.js'
import { Place } from '../kernel/place.js'
import { WakeUp } from '../kernel/wake-up.js'

export interface SharedReadySpec {
  readonly zk: Zk
  readonly path: string
  readonly members: number
  readonly names: 'curator' | 'kazoo'
  readonly data: Data
  readonly acl?: readonly Acl[] | undefined
}

const READY = 'ready'

export class SharedReady {
  readonly #spec: SharedReadySpec
  readonly #readyPath: string

  constructor(spec: SharedReadySpec) {
    this.#spec = spec
    this.#readyPath = joinPath(spec.path, READY)
  }

  async enter(attempt: Attempt): Promise<Place> {
    const { zk } = this.#spec
    for (let failures = 0; ; failures++) {
      let place: Place | undefined
      try {
        attempt.stage = 'waiting for a connection'
        const session = await beforeRetry(zk, failures, attempt.signal)
        place = await this.#come(session, attempt)
        if (await this.#mayEnter(place, attempt)) return place
      } catch (error) {
        void place?.leave()
        attempt.signal.throwIfAborted()
        throwUnlessPassing(error)
      }
      void place?.leave()
    }
  }

  async #come(session: Session, attempt: Attempt): Promise<Place> {
    const { zk, path, names, data, acl } = this.#spec
    const { signal } = attempt
    const uuid = zk.runtime.random.uuid()
    const name = names === 'kazoo' ? uuid.replaceAll('-', '') : uuid
    for (;;) {
      try {
        await makeEphemeral(zk, { parent: path, name, data, session, acl }, signal)
        break
      } catch (error) {
        if (!hasCode(error, 'NO_NODE')) throw error
        const mode = names === 'curator' && zk.supports('containers') ? 'container' : 'persistent'
        await zk.ensurePath(path, { mode, signal, ...(acl && { acl }) })
      }
    }
    const own = joinPath(path, name)
    const place = new Place(zk, session, { path: own, stat: { czxid: 0n }, sequence: 0 })
    try {
      const stat = await zk.exists(own, { signal, generation: session.generation })
      return new Place(zk, session, { path: own, stat: { czxid: stat?.czxid ?? 0n }, sequence: 0 })
    } catch (error) {
      void place.leave()
      throw error
    }
  }

  /** False: our znode is worth nothing any more. */
  async #mayEnter(place: Place, attempt: Attempt): Promise<boolean> {
    const { zk } = this.#spec
    using wakeUp = new WakeUp(zk, place.session)
    for (let failures = 0; ;) {
      try {
        if (failures > 0) await beforeRetry(zk, failures, attempt.signal)
        const verdict = await this.#look(place, wakeUp, attempt)
        if (verdict !== 'wait') return verdict === 'enter'
        attempt.stage = `waiting for ${this.#spec.members} members`
        const event = await abortable(wakeUp.next(), attempt.signal)
        if (place.session.signal.aborted) return false
        // Made while we were there; kazoo deletes it again at once, so a look might come too late.
        if (event?.type === 'created' && event.path === this.#readyPath) return true
        failures = 0
      } catch (error) {
        attempt.signal.throwIfAborted()
        if (isOver(place.session, error)) return false
        throwUnlessPassing(error)
        failures++
      }
    }
  }

  async #look(place: Place, wakeUp: WakeUp, attempt: Attempt): Promise<'enter' | 'wait' | 'gone'> {
    const { zk, path, members } = this.#spec
    const { session } = place
    const { generation } = session
    const { signal } = attempt
    const looking = wakeUp.on(this.#readyPath, async (watch) =>
      zk.exists(this.#readyPath, { watch, generation }),
    )
    looking.catch(() => undefined) // Awaited below, unless the list fails.
    const list = await this.#members({ generation, signal })
    const ready = await abortable(looking, signal)
    if (!list.includes(place.name)) return 'gone'
    if (ready !== undefined && ready.czxid > place.czxid) return 'enter'
    if (list.length >= members) {
      await this.#makeReady(session, attempt)
      return 'enter'
    }
    if (ready === undefined) return 'wait'
    if (list.length === 1) {
      await this.#deleteReady({ generation, signal })
      return this.#look(place, wakeUp, attempt)
    }
    // A peer that is the last to come enters on the old `ready` and makes none: only the list shows it.
    const children = await wakeUp.on(path, async (watch) => zk.children(path, { watch, generation }))
    return children.children.filter((name) => name !== READY).length >= members ? 'enter' : 'wait'
  }

  async #members(options: {
    readonly signal: AbortSignal
    readonly generation: number
  }): Promise<readonly string[]> {
    const { zk, path } = this.#spec
    try {
      return (await zk.children(path, options)).children.filter((name) => name !== READY).sort()
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return []
      throw error
    }
  }

  /** Repeated after a lost reply, by whoever calls: that it exists is all that is wanted. */
  async #makeReady({ generation }: Session, attempt: Attempt): Promise<void> {
    const { zk, acl } = this.#spec
    attempt.stage = 'letting all enter'
    try {
      await abortable(zk.create(this.#readyPath, null, { generation, ...(acl && { acl }) }), attempt.signal)
    } catch (error) {
      if (!hasCode(error, 'NODE_EXISTS')) throw error
    }
  }

  async #deleteReady(options: { readonly signal: AbortSignal; readonly generation: number }): Promise<void> {
    try {
      await this.#spec.zk.delete(this.#readyPath, options)
    } catch (error) {
      if (!hasCode(error, 'NO_NODE')) throw error
    }
  }

  /** Waits until all are gone. Who is lowest keeps its znode as long as others are there: `remove` is called at its time. */
  async leave(place: Place, remove: () => Promise<unknown>, attempt: Attempt): Promise<void> {
    const { zk } = this.#spec
    for (let failures = 0; ; failures++) {
      try {
        const session = await beforeRetry(zk, failures, attempt.signal)
        const limits = { signal: attempt.signal, generation: session.generation }
        await this.#untilGone(place, remove, session, attempt)
        await this.#deleteReady(limits)
        return
      } catch (error) {
        attempt.signal.throwIfAborted()
        throwUnlessPassing(error)
      }
    }
  }

  async #untilGone(
    place: Place,
    remove: () => Promise<unknown>,
    session: Session,
    attempt: Attempt,
  ): Promise<void> {
    const { zk, path } = this.#spec
    const { signal } = attempt
    const { generation } = session
    using wakeUp = new WakeUp(zk, session)
    for (;;) {
      attempt.stage = 'waiting for the others to leave'
      const members = await this.#members({ signal, generation })
      const others = members.filter((name) => name !== nameOf(place.path))
      const isLowest = members[0] === place.name && others.length > 0
      if (!isLowest) await abortable(remove(), signal)
      const watched = isLowest ? others.at(-1) : others[0]
      if (watched === undefined) return
      const watchedPath = joinPath(path, watched)
      const looking = wakeUp.on(watchedPath, async (watch) => zk.exists(watchedPath, { watch, generation }))
      if ((await abortable(looking, signal)) === undefined) continue
      await abortable(wakeUp.next(), signal)
      session.signal.throwIfAborted()
    }
  }
}
