/** All of them, by what they are put into. */
import type { Canary } from './canary.js'
import { clientCanaries } from './client-canaries.js'
import { coordinationCanaries } from './coordination-canaries.js'
import { kernelCanaries } from './kernel-canaries.js'
import { packCanaries } from './pack-canaries.js'
import { recipeCanaries } from './recipe-canaries.js'
import { termCanaries } from './term-canaries.js'

export const canaries: readonly Canary[] = [
  ...kernelCanaries,
  ...recipeCanaries,
  ...coordinationCanaries,
  ...packCanaries,
  ...termCanaries,
  ...clientCanaries,
]
