/** How long the nemesis rages. What comes when is drawn by the seed: a run is long enough if it did what it was for. */
import { systemClock } from '../../src/runtime/clock.js'
import type { TortureOptions } from './options.js'
import type { Stage } from './stage.js'

/** How often it looks. */
const LOOK_MS = 500

export interface Progress {
  readonly elapsedMs: number
  readonly grants: number
  readonly processFaults: number
}

/** When the time is over and enough was acquired under enough faults; on a machine that is too slow for that, after twice the time. */
export function isOver(
  { minutes, atLeast }: Pick<TortureOptions, 'minutes' | 'atLeast'>,
  { elapsedMs, grants, processFaults }: Progress,
): boolean {
  const limitMs = minutes * 60_000
  const isEnough = grants >= atLeast.acquisitions && processFaults >= atLeast.processFaults
  return elapsedMs >= 2 * limitMs || (elapsedMs >= limitMs && isEnough)
}

/** Aborted when the run is over, or there is no store any more, and so no worker. */
export function endOf(stage: Stage): AbortSignal {
  const start = systemClock.now()
  const controller = new AbortController()
  const look = (): void => {
    const { grants, processFaults } = stage
    const elapsedMs = systemClock.now() - start
    if (stage.storeEnded || isOver(stage.options, { elapsedMs, grants, processFaults })) controller.abort()
    else systemClock.setTimer(LOOK_MS, look)
  }
  look()
  return controller.signal
}
