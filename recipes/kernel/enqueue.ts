/**
 * Taking a place: the create, the list right behind it, and whatever it takes until both are certain.
 *
 * - Create and list go out in one tick. A session is first-in first-out, so the list sees the create.
 * - A create is never aborted, only abandoned to the janitor, which awaits its answer and deletes what it made.
 * - Lost reply: lost-create.ts. A new try has a new UUID.
 * - NO_NODE: the container is missing, or was reaped between making and using it (kazoo #563): it is made (again).
 */
import type { Acl } from '../../src/api/acl.js'
import { hasCode } from '../../src/api/errors.js'
import { joinPath, nameOf } from '../../src/api/path.js'
import type { Children, Created, Data, Session, Zk } from '../../src/api/zk.js'
import { abortable } from '../../src/runtime/abort.js'
import type { Attempt } from './attempt.js'
import { namePrefix, sequenceOf, type Dialect } from './dialect.js'
import { beforeRetry, isPassing, isUnknown } from './failure.js'
import { Janitor } from './janitor.js'
import type { LossPolicy } from './loss-policy.js'
import { findLostCreate, type LostCreate } from './lost-create.js'
import { Place } from './place.js'

export interface QueueSpec {
  readonly zk: Zk
  /** The parent of all contenders. */
  readonly container: string
  readonly dialect: Dialect
  /** What our znodes hold. */
  readonly data: Data
  /** For our znodes and for missing parents. Default: the client's own default. */
  readonly acl?: readonly Acl[] | undefined
  /** Of what is held in the end. Default `deadline`. */
  readonly lossPolicy?: LossPolicy | undefined
}

/** A place and the names of all children, from a list that is newer than the place. */
export interface Enqueued {
  readonly place: Place
  readonly children: readonly string[]
}

/** Rejects with the reason of the attempt's signal, or with what the server refuses; then no place is taken. */
export async function enqueue(spec: QueueSpec, attempt: Attempt): Promise<Enqueued> {
  const { signal } = attempt
  for (let repetition = 0; ; repetition++) {
    signal.throwIfAborted()
    const session = await liveSession(spec.zk, repetition, attempt)
    try {
      const enqueued = await createAndList(spec, session, attempt)
      if (enqueued !== undefined) return enqueued
    } catch (error) {
      signal.throwIfAborted()
      if (hasCode(error, 'NO_NODE')) await makeContainer(spec, attempt)
      else throwUnlessPassing(error)
    }
  }
}

/** What the server refuses is for the caller. What passes by itself, or with a new session, is tried again. */
export function throwUnlessPassing(error: unknown): void {
  if (isPassing(error) || isUnknown(error) || hasCode(error, 'SESSION_EXPIRED')) return
  throw error
}

async function liveSession(zk: Zk, repetition: number, attempt: Attempt): Promise<Session> {
  const { state, session } = zk
  if (repetition === 0 && state === 'connected' && session !== undefined) return session
  attempt.stage = 'waiting for a connection'
  return beforeRetry(zk, repetition, attempt.signal)
}

/** Undefined if the create got lost and made nothing. */
async function createAndList(
  spec: QueueSpec,
  session: Session,
  attempt: Attempt,
): Promise<Enqueued | undefined> {
  const { zk, container, dialect, data, acl } = spec
  const { signal } = attempt
  const { generation } = session
  const prefix = namePrefix(dialect, zk.runtime.random.uuid())
  attempt.stage = 'waiting for the server to make our znode'
  const mode = 'ephemeralSequential'
  const creating = zk.create(joinPath(container, prefix), data, { mode, generation, ...(acl && { acl }) })
  const listing = zk.children(container, { signal, generation })
  listing.catch(() => undefined) // Awaited below, unless the create fails.
  const created = await resolveCreate(zk, creating, { container, prefix, session }, attempt)
  if (created === undefined) return undefined
  const sequence = sequenceOf(dialect, nameOf(created.path))
  if (sequence === undefined) throw new TypeError(`${created.path} was made without a sequence number`)
  const place = new Place(zk, session, { ...created, sequence }, spec.lossPolicy)
  try {
    return { place, children: await listBehind(listing, spec, place, attempt) }
  } catch (error) {
    void place.leave()
    throw error
  }
}

/** What the create made; after a lost reply, what is found of it. Undefined: nothing, try again. */
async function resolveCreate(
  zk: Zk,
  creating: Promise<Created>,
  lost: LostCreate,
  attempt: Attempt,
): Promise<Created | undefined> {
  const { signal } = attempt
  try {
    return await abortable(creating, signal)
  } catch (error) {
    if (signal.aborted) {
      Janitor.of(zk).abandon(creating, lost)
      throw error
    }
    if (!isUnknown(error)) throw error
  }
  attempt.stage = 'finding out whether our znode was made, as the reply got lost'
  try {
    const found = await findLostCreate(zk, lost, signal)
    if (found === undefined) Janitor.of(zk).disown(lost)
    return found
  } catch (error) {
    Janitor.of(zk).search(lost)
    throw error
  }
}

/** The list behind the create. One that fails on the way, or comes from before a recovery, is asked for again. */
async function listBehind(
  listing: Promise<Children>,
  spec: QueueSpec,
  place: Place,
  attempt: Attempt,
): Promise<readonly string[]> {
  attempt.stage = 'waiting for the list of contenders'
  try {
    const { children } = await listing
    if (children.includes(place.name)) return children
  } catch (error) {
    if (attempt.signal.aborted || (!isUnknown(error) && !isPassing(error))) throw error
  }
  return listFor(spec, place, attempt)
}

/** A list on the session of a place that we have: it is at least as new as the place. */
export async function listFor(
  { zk, container }: QueueSpec,
  place: Place,
  { signal }: Attempt,
): Promise<readonly string[]> {
  const { generation } = place.session
  for (let repetition = 0; ; repetition++) {
    try {
      if (repetition > 0) await beforeRetry(zk, repetition, signal)
      return (await zk.children(container, { signal, generation })).children
    } catch (error) {
      if (signal.aborted || (!isUnknown(error) && !isPassing(error))) throw error
    }
  }
}

/** Makes the parent, or makes it again. */
export async function makeContainer(
  { zk, container, dialect, acl }: QueueSpec,
  attempt: Attempt,
): Promise<void> {
  const { signal } = attempt
  attempt.stage = 'making the parent'
  const mode = dialect.parents !== 'persistent' && zk.supports('containers') ? 'container' : 'persistent'
  try {
    await zk.ensurePath(container, { mode, signal, ...(acl && { acl }) })
  } catch (error) {
    signal.throwIfAborted()
    // Whether it is there now, the next create tells.
    if (!hasCode(error, 'NO_NODE')) throwUnlessPassing(error)
  }
}
