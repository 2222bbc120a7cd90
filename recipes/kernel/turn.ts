/**
 * Waiting for one's turn, with a place taken.
 *
 * - Only the nearest contender in the way is watched (deletion-watch.ts), so a release wakes one waiter.
 * - If it is the only one in the way, its deletion is the grant, without another list: nobody can come in front, as
 *   numbers only grow while our own znode keeps the parent alive. It needs proof that our own znode still stands, so
 *   the next in line also watches its own; both reads go out together. Events of one connection come in the order of
 *   their transactions, so an own znode deleted before would have been told before. After a reconnect restored
 *   watches fire in any order: then it lists again.
 * - Whoever stands further back does not watch itself: the list before its grant shows whether it still stands.
 * - A wait ends with the watch, with the end of the place's session, or with the caller. Being suspended is neither.
 */
import { deferred } from '../../src/runtime/deferred.js'
import { abortable, onAbort } from '../../src/runtime/abort.js'
import { CONTAINER_OWNER } from '../../src/api/stat.js'
import { joinPath } from '../../src/api/path.js'
import type { Attempt } from './attempt.js'
import { byBirth, isAmbiguous } from './birth-order.js'
import { DeletionWatch, type WatchEnd } from './deletion-watch.js'
import { listFor, throwUnlessPassing, type Enqueued, type QueueSpec } from './enqueue.js'
import { beforeRetry, isOver } from './failure.js'
import { Janitor } from './janitor.js'
import { lineUp, type Admission, type Line, type Obstacle } from './line.js'
import type { Place } from './place.js'

/** How a wait ended: it is ours; others are ahead (told to a try only); or why the place is worth nothing now. */
export type Turn = 'granted' | 'busy' | 'vanished' | 'session-over'

export interface TurnOptions {
  readonly admission: Admission
  readonly attempt: Attempt
  /** `try`: answers `busy` instead of waiting for others. */
  readonly patience: 'wait' | 'try'
  /** Called with each line that has names our dialect does not know. */
  readonly onStrangers: (line: Line) => void
}

/** Rejects with the reason of the attempt's signal, or with what the server refuses. The place is left to the caller. */
export async function awaitTurn(spec: QueueSpec, enqueued: Enqueued, options: TurnOptions): Promise<Turn> {
  const { place } = enqueued
  const { attempt } = options
  try {
    return await takeTurn(spec, enqueued, options)
  } catch (error) {
    attempt.signal.throwIfAborted()
    if (isOver(place.session, error)) return 'session-over'
    throw error
  }
}

async function takeTurn(spec: QueueSpec, enqueued: Enqueued, options: TurnOptions): Promise<Turn> {
  const { place } = enqueued
  const { admission, attempt, patience, onStrangers } = options
  const limits = { signal: attempt.signal, generation: place.session.generation }
  const inert = new Set<string>()
  const births = new Map([[place.name, place.czxid]])
  let children = enqueued.children
  for (;;) {
    Janitor.of(spec.zk).inspect(spec.container, children)
    const line = lineUp(children, spec.dialect, place.sequence, inert)
    if (line.strangers.length > 0) onStrangers(line)
    if (place.session.signal.aborted) return 'session-over'
    const contenders = line.contenders.some(isAmbiguous)
      ? await byBirth(spec.zk, spec.container, line.contenders, births, limits)
      : line.contenders
    const index = contenders.findIndex(({ name }) => name === place.name)
    if (index < 0 || place.deleted) return 'vanished'
    const obstacle = admission(contenders, index)
    if (obstacle === undefined) return 'granted'
    if (patience === 'try') return 'busy'
    attempt.stage = `waiting for ${obstacle.contender.name} (${index} ahead of us)`
    const next = await untilGone(spec, place, obstacle, attempt, inert)
    if (next !== 'look') return next
    attempt.stage = 'waiting for the list of contenders'
    children = await listFor(spec, place, attempt)
  }
}

/** Waits for the obstacle to go. `look`: list again, the answer is not certain or not yet ours. */
async function untilGone(
  spec: QueueSpec,
  place: Place,
  obstacle: Obstacle,
  attempt: Attempt,
  inert: Set<string>,
): Promise<Exclude<Turn, 'busy'> | 'look'> {
  const { zk, container } = spec
  const { session } = place
  const { contender, sole } = obstacle
  const woken = deferred<WatchEnd | 'session-over' | 'own-gone'>()
  let interrupted = false
  const sameConnection = (): boolean => !interrupted
  const off = zk.on('state', (state) => {
    if (state !== 'connected') interrupted = true
  })
  const unlisten = onAbort(session.signal, () => woken.resolve('session-over'))
  const ahead = new DeletionWatch(zk, joinPath(container, contender.name), session, (end) =>
    woken.resolve(end),
  )
  place.onWatchEnd((end) => {
    if (end.how === 'gone') woken.resolve('own-gone')
  })
  const ownStands = sole ? place.watch() : undefined
  try {
    if (contender.stranger && (await abortable(isInert(ahead), attempt.signal))) {
      inert.add(contender.name)
      return 'look'
    }
    const end = await abortable(woken.promise, attempt.signal)
    if (end === 'session-over') return end
    if (end === 'own-gone') return 'vanished'
    if (end.how === 'blind') return await afterBlind(spec, place, end.error, attempt)
    if (ownStands === undefined || !sameConnection()) return 'look'
    const certain = await abortable(ownStands, attempt.signal)
    return certain && sameConnection() && !place.deleted && !session.signal.aborted ? 'granted' : 'look'
  } finally {
    off()
    unlisten()
    place.onWatchEnd(undefined)
    ahead.stop()
  }
}

async function afterBlind(
  { zk }: QueueSpec,
  place: Place,
  error: unknown,
  attempt: Attempt,
): Promise<'session-over' | 'look'> {
  if (isOver(place.session, error)) return 'session-over'
  throwUnlessPassing(error)
  await beforeRetry(zk, 2, attempt.signal)
  return 'look'
}

/** A stranger that is not ephemeral is no living process's claim. */
async function isInert(watch: DeletionWatch): Promise<boolean> {
  const owner = (await watch.standing)?.ephemeralOwner
  if (owner === undefined) return false
  return owner === 0n || owner === CONTAINER_OWNER || BigInt.asUintN(64, owner) >> 56n === 0xffn
}
