/** What users of a lock do, for all kinds of them: limits and aborts at random, holds of some length, a fenced store. */
import { hasCode, type WaitOptions } from 'latchkey'
import type { RecordedOperation } from 'latchkey/testing'
import type { Grant } from './belief-checker.js'
import type { FencedStore } from './fenced-store.js'
import type { Stage, Task } from './workload.js'

/** What all kinds of holds have. */
export interface AnyHold {
  readonly signal: AbortSignal
  confirm(options?: WaitOptions): Promise<void>
  release(): Promise<void>
}

export type Take<H> = (options: WaitOptions, patience: 'wait' | 'try') => Promise<H | undefined>

/** A timer on the process's clock that gives up. */
class GivingUp extends Error {}

interface Limits {
  readonly options: WaitOptions
  readonly patience: 'wait' | 'try'
  readonly stop: () => void
}

function drawLimits(task: Task): Limits {
  const pick = task.below(24)
  if (pick < 2) return { options: {}, patience: 'try', stop: () => undefined }
  if (pick < 4)
    return {
      options: { timeoutMs: 1 + task.below(pick === 2 ? 20 : 3_000) },
      patience: 'wait',
      stop: () => undefined,
    }
  if (pick > 4) return { options: {}, patience: 'wait', stop: () => undefined }
  const controller = new AbortController()
  const { clock } = task.process.runtime
  const timer = clock.setTimer(task.below(30), () => controller.abort(new GivingUp('enough')))
  return { options: { signal: controller.signal }, patience: 'wait', stop: () => timer.cancel() }
}

/** Takes it, or gives up as it was told to; whatever else comes is a violation. */
export async function take<H>(
  task: Task,
  stage: Stage,
  operation: RecordedOperation,
  acquire: Take<H>,
): Promise<H | undefined> {
  const { process } = task
  const { options, patience, stop } = drawLimits(task)
  const { timeoutMs = Infinity } = options
  const begun = process.runtime.clock.now()
  const stalls = process.stallCount
  try {
    const hold = await acquire(options, patience)
    if (hold === undefined) operation.fail('busy')
    return hold
  } catch (error) {
    const isMeant = error instanceof GivingUp || hasCode(error, 'TIMEOUT')
    operation.fail(isMeant ? 'gave up' : 'refused')
    if (!isMeant)
      stage.violate(
        'only what is documented is thrown',
        error instanceof Error ? `${error.stack}` : String(error),
      )
    return undefined
  } finally {
    stop()
    const took = process.runtime.clock.now() - begun
    if (took > timeoutMs + 1 && stalls === process.stallCount)
      stage.violate('a limit bounds the whole call', `${took} ms where ${timeoutMs} were allowed`)
  }
}

/** Holds it for a while, does what else is to be done meanwhile, and gives it back. */
export async function use(
  task: Task,
  stage: Stage,
  hold: AnyHold,
  grants: readonly Omit<Grant, 'blind'>[],
  store?: FencedStore,
  meanwhile?: () => Promise<void>,
): Promise<void> {
  const { process } = task
  // Not with work that the network may hold up for longer than a session lasts.
  const blind = task.below(3) === 0 && meanwhile === undefined
  const beliefs = grants.map((grant) => process.invoke('hold', { ...grant, blind }))
  const told = (): void => {
    for (const belief of beliefs) belief.info('lost')
  }
  if (!blind) {
    if (hold.signal.aborted) told()
    else hold.signal.addEventListener('abort', told, { once: true })
  }
  const first = grants[0]
  if (store !== undefined && first !== undefined && task.below(4) === 0)
    await count(stage, store, first.token)
  if (meanwhile !== undefined) await meanwhile()
  const length = task.below(50)
  if (length > 15)
    await process.sleep(length === 49 && task.below(4) === 0 ? task.below(2_000) : task.below(40))
  // Work that needs the network lasts as long as a partition does: else hardly anybody would hold when its session ends.
  while (!blind && process.isCutOff && !hold.signal.aborted) await process.sleep(10)
  if (task.below(32) === 0) await hold.confirm({ timeoutMs: 500 }).catch(expected)
  if (!blind) hold.signal.removeEventListener('abort', told)
  for (const belief of beliefs) belief.ok()
  await hold.release()
}

function expected(error: unknown): void {
  if (!hasCode(error, 'LOCK_LOST', 'TIMEOUT')) throw error
}

/** Requests to the store are on their way when the process is stalled or dies: they take the cluster's time. */
async function count({ cluster, violate }: Stage, store: FencedStore, token: bigint): Promise<void> {
  const value = store.read(token)
  if (value === undefined) return
  await cluster.sleep(0.5)
  store.write(token, value + 1)
  if (store.lost > 0) violate('a fenced store loses nothing', `${store.lost} updates are lost`)
}
