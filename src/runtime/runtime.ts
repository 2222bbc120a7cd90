/** The two impurities that everything else is handed: time and chance. */
import type { Clock } from './clock.js'
import { systemClock } from './clock.js'
import type { Random } from './random.js'
import { systemRandom } from './random.js'

export interface Runtime {
  readonly clock: Clock
  readonly random: Random
}

export const systemRuntime: Runtime = { clock: systemClock, random: systemRandom }
