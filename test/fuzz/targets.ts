/** What can be fuzzed. */
import { clientTarget } from './client-target.js'
import { serverTarget } from './server-target.js'
import type { Target } from './target.js'

export const targets: readonly Target[] = [clientTarget, serverTarget]
