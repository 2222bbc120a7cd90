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
 * - Between a peer's list and its `ready` a member may go, and others enter with one too few. We make `ready` in one
 *   transaction that checks the members: so one of ours stands for as many as it says.
 * - A member that timed out counts until its znode is gone. Peers leave theirs (CURATOR-318); ours is deleted, and
 *   does not count for us from then on.
 * - Members of a round that is leaving count for those who enter, here as there. Not the other way round: who came after
 *   our round began (czxid) is not waited for when leaving. Peers do, and stand still if that one waits for them.
 *
 * Leaving: the lowest member (by name) stays until all others are gone, and watches the highest; the others delete their
 * own and watch the lowest. Each wake-up is followed by a list, so nobody spins (CURATOR-233) or leaves on a
 * stray event.
 */
import type { Acl } from '../../src/api/acl.js'
import { hasCode, TransactionError } from '../../src/api/errors.js'
import { joinPath, nameOf } from '../../src/api/path.js'
import type { Stat } from '../../src/api/stat.js'
import type { CallOptions, Data, Session, Transaction, TransactionResult, Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import type { Attempt } from '../kernel/attempt.js'
import { throwUnlessPassing } from '../kernel/enqueue.js'
import { beforeRetry, isOver } from '../kernel/failure.js'
import { Janitor } from '../kernel/janitor.js'
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

/** `gone`: our znode is worth nothing any more. `again`: what was listed is not so any more. */
type Verdict = 'enter' | 'wait' | 'again' | 'gone'

/** One entry, and the leaving that belongs to it. */
export class SharedReady {
  readonly #spec: SharedReadySpec
  readonly #readyPath: string
  /** A transaction by which all of our round had come; undefined: not known. */
  #began: Promise<bigint | undefined> = Promise.resolve(undefined)
  #watchesReady = false

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
    this.#watchesReady = false
    for (let failures = 0; ;) {
      try {
        if (failures > 0) await beforeRetry(zk, failures, attempt.signal)
        const verdict = await this.#look(place, wakeUp, attempt)
        if (verdict === 'again') continue
        if (verdict !== 'wait') return verdict === 'enter'
        attempt.stage = `waiting for ${this.#spec.members} members`
        const event = await abortable(wakeUp.next(), attempt.signal)
        if (place.session.signal.aborted) return false
        if (event?.type === 'created' && event.path === this.#readyPath) return this.#seesReady(place)
        failures = 0
      } catch (error) {
        attempt.signal.throwIfAborted()
        if (isOver(place.session, error)) return false
        throwUnlessPassing(error)
        this.#watchesReady = false
        failures++
      }
    }
  }

  /** Made while we were there; kazoo deletes it again at once, so a look might come too late. */
  #seesReady({ session: { generation } }: Place): true {
    const look = this.#spec.zk.exists(this.#readyPath, { generation })
    this.#began = look.then(
      (ready) => ready?.czxid,
      () => undefined,
    )
    return true
  }

  async #look(place: Place, wakeUp: WakeUp, attempt: Attempt): Promise<Verdict> {
    const { zk, path, members } = this.#spec
    const { generation } = place.session
    const { signal } = attempt
    const looking = this.#lookForReady(wakeUp, generation)
    looking.catch(() => undefined) // Awaited below, unless the list fails.
    const { names, asOf } = await this.#members({ generation, signal })
    const ready = await abortable(looking, signal)
    if (!names.includes(place.name)) return 'gone'
    if (ready !== undefined && ready.czxid > place.czxid) return this.#enterAsOf(ready.czxid)
    const counted = this.#counted(names)
    if (counted.length >= members)
      return ready === undefined ? this.#makeReady(place, counted, attempt) : this.#enterAsOf(asOf)
    if (ready === undefined) return 'wait'
    if (names.length === 1) {
      await this.#deleteReady({ generation, signal })
      return 'again'
    }
    // A peer that is the last to come enters on the old `ready` and makes none: only the list shows it.
    const children = await wakeUp.on(path, async (watch) => zk.children(path, { watch, generation }))
    const now = this.#counted(children.children.filter((name) => name !== READY))
    return now.length >= members ? this.#enterAsOf(children.stat.pzxid) : 'wait'
  }

  /** With a watch that stands until it fires: one that was set anew might miss a `ready` that came and went. */
  async #lookForReady(wakeUp: WakeUp, generation: number): ReturnType<Zk['exists']> {
    const { zk } = this.#spec
    if (this.#watchesReady && wakeUp.watches(this.#readyPath))
      return zk.exists(this.#readyPath, { generation })
    const ready = await wakeUp.on(this.#readyPath, async (watch) =>
      zk.exists(this.#readyPath, { watch, generation }),
    )
    this.#watchesReady = true
    return ready
  }

  #enterAsOf(zxid: bigint | undefined): 'enter' {
    this.#began = Promise.resolve(zxid)
    return 'enter'
  }

  async #members(
    options: CallOptions,
  ): Promise<{ readonly names: readonly string[]; readonly asOf: bigint | undefined }> {
    const { zk, path } = this.#spec
    try {
      const { children, stat } = await zk.children(path, options)
      return { names: children.filter((name) => name !== READY).sort(), asOf: stat.pzxid }
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return { names: [], asOf: undefined }
      throw error
    }
  }

  /** Not those of ours that have given up and are only not gone yet. */
  #counted(names: readonly string[]): readonly string[] {
    const { zk, path } = this.#spec
    const janitor = Janitor.of(zk)
    return names.filter((name) => !janitor.isRemoving(joinPath(path, name)))
  }

  /** Only while as many members stand as there must be. A lost reply is resolved by looking again. */
  async #makeReady(place: Place, counted: readonly string[], attempt: Attempt): Promise<Verdict> {
    const { zk, acl, members } = this.#spec
    const { generation } = place.session
    const spec = { ...(acl && { acl }) }
    attempt.stage = 'letting all enter'
    const others = counted.filter((name) => name !== place.name).slice(0, members - 1)
    const named = [place.name, ...others]
    try {
      const made = zk.supports('transactions')
        ? await abortable(this.#commitReady(named, spec, generation), attempt.signal)
        : await abortable(zk.create(this.#readyPath, null, { generation, ...spec }), attempt.signal)
      return made?.stat === undefined ? 'again' : this.#enterAsOf(made.stat.czxid)
    } catch (error) {
      const cause = error instanceof TransactionError ? error.failure : error
      if (hasCode(cause, 'NODE_EXISTS', 'NO_NODE')) return 'again'
      throw cause
    }
  }

  async #commitReady(
    named: readonly string[],
    spec: { readonly acl?: readonly Acl[] },
    generation: number,
  ): Promise<{ readonly stat?: Stat | undefined } | undefined> {
    let transaction: Transaction<readonly TransactionResult[]> = this.#spec.zk.transaction()
    for (const name of named) transaction = transaction.check(joinPath(this.#spec.path, name))
    const results = await transaction.create(this.#readyPath, null, spec).commit({ generation })
    const made = results.at(-1)
    return made?.type === 'create' ? made : undefined
  }

  async #deleteReady(options: CallOptions): Promise<void> {
    try {
      await this.#spec.zk.delete(this.#readyPath, options)
    } catch (error) {
      if (!hasCode(error, 'NO_NODE')) throw error
    }
  }

  /** Waits until all of the round are gone. Who is lowest keeps its znode as long as others are there: `remove` is called at its time. */
  async leave(place: Place, remove: () => Promise<unknown>, attempt: Attempt): Promise<void> {
    const { zk } = this.#spec
    for (let failures = 0; ; failures++) {
      try {
        const session = await beforeRetry(zk, failures, attempt.signal)
        const limits = { signal: attempt.signal, generation: session.generation }
        const isEmpty = await this.#untilGone(place, remove, session, attempt)
        if (isEmpty || (await this.#isOurs(limits))) await this.#deleteReady(limits)
        return
      } catch (error) {
        attempt.signal.throwIfAborted()
        throwUnlessPassing(error)
      }
    }
  }

  /** Whether `ready` is that of our round: others may have made theirs. */
  async #isOurs(limits: CallOptions): Promise<boolean> {
    const ready = await this.#spec.zk.exists(this.#readyPath, limits)
    const began = await this.#began
    return ready !== undefined && (began === undefined || ready.czxid <= began)
  }

  /** False: those of another round are there. */
  async #untilGone(
    place: Place,
    remove: () => Promise<unknown>,
    session: Session,
    attempt: Attempt,
  ): Promise<boolean> {
    const { zk, path } = this.#spec
    const { signal } = attempt
    const { generation } = session
    const began = await abortable(this.#began, signal)
    const later = new Set<string>()
    using wakeUp = new WakeUp(zk, session)
    for (;;) {
      attempt.stage = 'waiting for the others to leave'
      const { names } = await this.#members({ signal, generation })
      const members = names.filter((name) => !later.has(name))
      const others = members.filter((name) => name !== nameOf(place.path))
      const isLowest = members[0] === place.name && others.length > 0
      if (!isLowest) await abortable(remove(), signal)
      const watched = isLowest ? others.at(-1) : others[0]
      if (watched === undefined) return names.length === members.length
      const watchedPath = joinPath(path, watched)
      const looking = wakeUp.on(watchedPath, async (watch) => zk.exists(watchedPath, { watch, generation }))
      const stat = await abortable(looking, signal)
      if (stat === undefined) continue
      if (began !== undefined && stat.czxid > began) {
        later.add(watched)
        continue
      }
      await abortable(wakeUp.next(), signal)
      session.signal.throwIfAborted()
    }
  }
}
