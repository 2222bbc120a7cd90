/** The recipes that can be tortured, by name. A new one is a line here. */
import { bargingMutex, forgetfulMutex } from './canaries.js'
import { counter } from './counter.js'
import { doubleBarrier } from './double-barrier.js'
import { leaderLatch } from './leader.js'
import { multiLock, mutex, readWriteLock, semaphore } from './locks.js'
import { queue } from './queue.js'
import type { TortureRecipe } from './recipe.js'

export const recipes: readonly TortureRecipe[] = [
  mutex,
  readWriteLock,
  semaphore,
  multiLock,
  leaderLatch,
  queue,
  counter,
  doubleBarrier,
]

const canaries: readonly TortureRecipe[] = [bargingMutex, forgetfulMutex]

export function recipeNamed(name: string): TortureRecipe {
  const found = [...recipes, ...canaries].find((recipe) => recipe.name === name)
  if (found !== undefined) return found
  throw new RangeError(
    `no recipe is called ${name}; there are: ${recipes.map((recipe) => recipe.name).join(', ')}`,
  )
}
