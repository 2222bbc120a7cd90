/** Every recipe that is simulated. A new one is a file here and a line in this list. */
import type { Workload } from '../workload.js'
import { mutex, mutexOfKazoo } from './mutex.js'

export const workloads: readonly Workload[] = [mutex, mutexOfKazoo]

export function workloadNamed(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name)
  if (found !== undefined) return found
  throw new TypeError(
    `no recipe is called ${name}; there are: ${workloads.map((each) => each.name).join(', ')}`,
  )
}
