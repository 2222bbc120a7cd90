/**
 * Rounds of a double barrier that can't be passed by mistake.
 *
 *   path/member-<uuid>-of-<n>-<sequence>   ephemeral, one per member; its data is empty, then the name of its round
 *   path/round-<uuid>                      persistent, the names of the members of a round; gone when all have left
 *
 * Entering. A member makes its znode and lists (one round trip). Whoever sees n that wait starts a round with the
 * first n of them, in one transaction: write the round's name into each of the n znodes, *at version 0*, and make the
 * record. A member has entered when its own znode carries a round; it watches nothing but that.
 *
 * Why nobody passes who should not:
 * - The transaction fails if one of the n znodes is gone (gave up, timed out, session over) or was admitted before (its
 *   version is 1). So a round has n members that were all there at one moment, and a member is in one round at most.
 * - Nothing else lets anybody in. What a crash leaves behind, members of an old round or a record, is looked at by
 *   nobody who enters, but to be set aside. (Curator's `ready` stays after a crash, and one member passes alone.)
 * Why nobody waits for ever:
 * - A list behind one's own create shows all who came before. So of n that wait, the last to come sees all n, and so does
 *   everyone who comes later; each of them tries, for others too, until the transaction succeeds or fewer than n wait.
 * Lost replies: a member's by its UUID (kernel/enqueue.ts); of the transaction by the own znode's data, or by trying
 * again, as version 0 fits only once.
 *
 * Leaving. A member deletes its znode, lists, and reads the record with a watch (one round trip). Who sees none of its round left
 * deletes the record, which tells all others at once. Who waits for longer than a moment also watches one that is still
 * there, so that a round whose last members die is left too; at once that would cost a look for each who leaves. A
 * record that nobody deleted is deleted by who enters next.
 */
import { hasCode, TransactionError, ZkError } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { Stat } from '../../src/api/stat.js'
import type {
  CallOptions,
  Session,
  Transaction,
  TransactionResult,
  WatchEvent,
  WatchSpec,
  Zk,
} from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import { deferred } from '../../src/runtime/deferred.js'
import type { Attempt } from '../kernel/attempt.js'
import { sequenceOf, type Dialect } from '../kernel/dialect.js'
import { enqueue, listFor, throwUnlessPassing, type QueueSpec } from '../kernel/enqueue.js'
import { beforeRetry, isOver, isUnknown } from '../kernel/failure.js'
import { Janitor } from '../kernel/janitor.js'
import type { Place } from '../kernel/place.js'
import { compareSequence, SEQUENCE_PATTERN } from '../kernel/sequence.js'
import { WakeUp } from '../kernel/wake-up.js'

/** Who leaves is mostly gone within it. */
const A_MOMENT_MS = 100

const RECORD = /^round-[0-9a-f-]{36}$/

/** In which round one is, and since which transaction. */
export interface Admission {
  readonly record: string
  readonly round: bigint
}

/** How members are called. The number of members is part of it: who expects another number plays another game. */
export function memberDialect(members: number): Dialect {
  return {
    name: `double barrier of ${members}`,
    create: `member-{uuid}-of-${members}-`,
    contenders: [new RegExp(`^member-[0-9a-f-]{36}-of-${members}-${SEQUENCE_PATTERN}$`)],
    parents: 'container',
  }
}

export interface Entered extends Admission {
  readonly place: Place
}

/** Waits until a round was started with us. Whatever it rejects with, our znode is deleted, or about to be. */
export async function enterRound(spec: QueueSpec, members: number, attempt: Attempt): Promise<Entered> {
  for (let round = 0; ; round++) {
    if (round > 1) await beforeRetry(spec.zk, round, attempt.signal)
    const { place, children } = await enqueue(spec, attempt)
    try {
      const admission = await new Entering(spec, members, place, attempt).admitted(children)
      if (admission !== undefined) return { place, ...admission }
    } catch (error) {
      void place.leave()
      throw error
    }
    if (!place.session.signal.aborted)
      spec.zk.logger.warn(
        { path: place.path },
        'our znode in the barrier was deleted or overwritten; entering again',
      )
    void place.leave()
  }
}

class Entering {
  readonly #spec: QueueSpec
  readonly #members: number
  readonly #place: Place
  readonly #attempt: Attempt
  readonly #limits: CallOptions
  /** Members that are no candidates: admitted before, or written to by a stranger. */
  readonly #admitted = new Set<string>()

  constructor(spec: QueueSpec, members: number, place: Place, attempt: Attempt) {
    this.#spec = spec
    this.#members = members
    this.#place = place
    this.#attempt = attempt
    this.#limits = { signal: attempt.signal, generation: place.session.generation }
  }

  /** Undefined: our znode is worth nothing any more. */
  async admitted(listed: readonly string[]): Promise<Admission | undefined> {
    const { zk } = this.#spec
    const { session } = this.#place
    let children: readonly string[] | undefined = listed
    for (let failures = 0; ;) {
      try {
        if (failures > 0) await beforeRetry(zk, failures, this.#attempt.signal)
        children ??= await listFor(this.#spec, this.#place, this.#attempt)
        const waiting = await this.#waiting(children)
        children = undefined
        if (waiting.length < this.#members) return await this.#ownRound()
        const ours = await this.#start(waiting.slice(0, this.#members))
        if (ours !== undefined) return ours
      } catch (error) {
        this.#attempt.signal.throwIfAborted()
        if (isOver(session, error)) return undefined
        throwUnlessPassing(error)
        failures++
      }
    }
  }

  /** Who is there and in no round, first come first. Deletes records of rounds that are over. */
  async #waiting(children: readonly string[]): Promise<string[]> {
    const { zk, container, dialect } = this.#spec
    const janitor = Janitor.of(zk)
    janitor.inspect(container, children)
    const members = children
      .flatMap((name) => {
        const sequence = sequenceOf(dialect, name)
        // Ours that has given up, and is only not gone yet, is no member any more.
        if (sequence === undefined || janitor.isRemoving(joinPath(container, name))) return []
        return this.#admitted.has(name) ? [] : [{ name, sequence }]
      })
      .sort((a, b) => compareSequence(a.sequence, b.sequence))
    const records = children.filter((name) => RECORD.test(name))
    if (records.length > 0) {
      const present = new Set(children)
      const known = await Promise.all(
        records.map(async (name) => readRecord(zk, joinPath(container, name), this.#limits)),
      )
      for (const [index, names] of known.entries()) {
        if (names === undefined || names === 'foreign') continue
        for (const name of names) this.#admitted.add(name)
        const record = joinPath(container, records[index] ?? '')
        if (!names.some((name) => present.has(name))) void janitor.remove(record, this.#place.session)
      }
    }
    return members.map(({ name }) => name).filter((name) => !this.#admitted.has(name))
  }

  /** Starts a round with these. Undefined if that is not possible (any more), or we are not one of them. */
  async #start(names: readonly string[]): Promise<Admission | undefined> {
    const { zk, container, acl } = this.#spec
    this.#attempt.stage = 'starting the round'
    const record = `round-${zk.runtime.random.uuid()}`
    let transaction: Transaction<readonly TransactionResult[]> = zk.transaction()
    for (const name of names) transaction = transaction.set(joinPath(container, name), record, { version: 0 })
    transaction = transaction.create(joinPath(container, record), JSON.stringify(names), {
      ...(acl && { acl }),
    })
    try {
      const { generation } = this.#place.session
      const results = await abortable(transaction.commit({ generation }), this.#attempt.signal)
      const own = results[names.indexOf(this.#place.name)]
      for (const name of names) this.#admitted.add(name)
      return own?.type === 'set' ? { record, round: own.stat.mzxid } : undefined
    } catch (error) {
      if (this.#attempt.signal.aborted || isUnknown(error)) throw error
      const name = error instanceof TransactionError ? names[error.failedIndex] : undefined
      if (name === undefined || !(error instanceof TransactionError)) throw error
      // Gone: the next list will not show it. Another version: it was admitted, perhaps in a round with us.
      if (!['NO_NODE', 'BAD_VERSION'].includes(error.failure.code)) throw error.failure
      if (name === this.#place.name) return this.#ownRound()
      if (hasCode(error.failure, 'BAD_VERSION')) this.#admitted.add(name)
      return undefined
    }
  }

  /** Waits until our own znode carries a round. Undefined if it is gone, or carries something else. */
  async #ownRound(): Promise<Admission | undefined> {
    const { zk } = this.#spec
    const { path, session } = this.#place
    this.#attempt.stage = `waiting for ${this.#members} members`
    using wakeUp = new WakeUp(zk, session)
    const { generation } = session
    for (let failures = 0; ;) {
      try {
        if (failures > 0) await beforeRetry(zk, failures, this.#attempt.signal)
        const reading = wakeUp.on(path, async (watch) => zk.get(path, { watch, generation }))
        const { data, stat } = await abortable(reading, this.#attempt.signal)
        if (stat.version > 0) return admissionOf(data, stat)
        const event = await abortable(wakeUp.next(), this.#attempt.signal)
        if (session.signal.aborted) return undefined
        if (event?.type !== 'dataChanged') continue
        const own = await zk.get(path, this.#limits)
        return admissionOf(own.data, own.stat)
      } catch (error) {
        this.#attempt.signal.throwIfAborted()
        if (hasCode(error, 'NO_NODE') || isOver(session, error)) return undefined
        throwUnlessPassing(error)
        failures++
      }
    }
  }
}

function admissionOf(data: Buffer, { mzxid }: Stat): Admission | undefined {
  const record = data.toString('latin1')
  return RECORD.test(record) ? { record, round: mzxid } : undefined
}

/** Undefined if it is gone; `foreign` if it is nothing that we wrote. */
async function readRecord(
  zk: Zk,
  path: string,
  options: WatchSpec & CallOptions,
): Promise<readonly string[] | 'foreign' | undefined> {
  try {
    const names: unknown = JSON.parse((await zk.get(path, options)).data.toString('utf8'))
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : 'foreign'
  } catch (error) {
    if (error instanceof SyntaxError) return 'foreign'
    if (hasCode(error, 'NO_NODE')) return undefined
    throw error
  }
}

/**
 * Deletes our znode and waits until all of our round have left or are gone.
 *
 * @param remove - sends the deletion; resolves when our own znode is gone for certain.
 */
export async function leaveRound(
  spec: QueueSpec,
  entered: Entered,
  remove: () => Promise<unknown>,
  attempt: Attempt,
): Promise<void> {
  const { zk } = spec
  // Sent now, in front of the list.
  const removed = remove()
  removed.catch(() => undefined) // Awaited below, unless the waiting ends before.
  attempt.stage = 'waiting for the others to leave'
  for (let failures = 0; ; failures++) {
    try {
      const live = failures === 0 && zk.state === 'connected' ? zk.session : undefined
      const session = live ?? (await beforeRetry(zk, failures, attempt.signal))
      await allGone(spec, entered, removed, session, attempt)
      return
    } catch (error) {
      attempt.signal.throwIfAborted()
      throwUnlessPassing(error)
    }
  }
}

async function allGone(
  { zk, container, dialect }: QueueSpec,
  { place, record }: Entered,
  removed: Promise<unknown>,
  session: Session,
  attempt: Attempt,
): Promise<void> {
  const limits = { signal: attempt.signal, generation: session.generation }
  const path = joinPath(container, record)
  using wakeUp = new WakeUp(zk, session)
  const exists = async (of: string): Promise<boolean> =>
    (await wakeUp.on(of, async (watch) => zk.exists(of, { watch, generation: session.generation }))) !==
    undefined
  let names: readonly string[] | undefined
  for (let looks = 0; ; looks++) {
    const listing = childrenOf(zk, container, limits)
    const reading = names === undefined ? watchRecord(zk, wakeUp, path, session) : names
    listing.catch(() => undefined) // Awaited below, but the other may reject first.
    const read = await abortable(Promise.resolve(reading), attempt.signal)
    const present = await listing
    await abortable(removed, attempt.signal)
    if (read === undefined) return // Whoever deleted it had seen that all were gone.
    if (read === 'foreign')
      throw new ZkError('DATA_INCONSISTENCY', `${path} is not a record of a round`, { path })
    names = read
    const others = names.filter((name) => name !== place.name && present.includes(name))
    if (others.length === 0) return void Janitor.of(zk).remove(path, session)
    attempt.stage = `waiting for ${others.length} others to leave`
    // What woke us may have been one of several events: whatever is not watched any more is looked at again.
    const watched = looks === 0 ? [] : [joinPath(container, guardianOf(others, place.sequence, dialect))]
    const standing = [path, ...watched].map(async (each) => wakeUp.watches(each) || exists(each))
    const [stands, isGuarded = true] = await abortable(Promise.all(standing), attempt.signal)
    if (stands !== true) return
    if (!isGuarded) continue
    const event = await news(zk, wakeUp, looks === 0 ? A_MOMENT_MS : undefined, attempt.signal)
    session.signal.throwIfAborted()
    if (event?.path === path && event.type === 'deleted') return
  }
}

/** The next event; undefined when the time is over, or the session. */
async function news(
  zk: Zk,
  wakeUp: WakeUp,
  limitMs: number | undefined,
  signal: AbortSignal,
): Promise<WatchEvent | undefined> {
  const event = wakeUp.next()
  if (limitMs === undefined) return abortable(event, signal)
  const over = deferred<undefined>()
  const timer = zk.runtime.clock.setTimer(limitMs, () => over.resolve(undefined))
  try {
    return await abortable(Promise.race([event, over.promise]), signal)
  } finally {
    timer.cancel()
  }
}

async function watchRecord(
  zk: Zk,
  wakeUp: WakeUp,
  path: string,
  { generation }: Session,
): Promise<readonly string[] | 'foreign' | undefined> {
  return wakeUp.on(path, async (watch) => readRecord(zk, path, { watch, generation }))
}

/** Whom to watch of those still there: the next behind us, round the corner. So nobody is watched by all. */
function guardianOf(others: readonly string[], own: number, dialect: Dialect): string {
  const after = (name: string): number => ((sequenceOf(dialect, name) ?? 0) - own) >>> 0
  const [first = '', ...rest] = others
  return rest.reduce((best, name) => (after(name) < after(best) ? name : best), first)
}

async function childrenOf(zk: Zk, path: string, options: CallOptions): Promise<readonly string[]> {
  try {
    return (await zk.children(path, options)).children
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return []
    throw error
  }
}
