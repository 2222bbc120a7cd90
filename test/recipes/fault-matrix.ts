/**
 * The fault matrix: plays each scenario with a fault at each request of one client in turn, and lists what was covered.
 * A scenario runs to its end whatever is struck, and checks that the caller gets the truth; afterwards the next one
 * must be served without delay, and nothing may be left behind.
 */
import { errorOf } from '../../src/api/errors.js'
import type { Client, Zk } from 'latchkey'
import type { Fault } from 'latchkey/server'
import { afterAll, describe, expect, test } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { Cluster, EXPIRY_MS } from './cluster.js'

export interface Stage {
  readonly cluster: Cluster
  /** The one whose requests are struck. */
  readonly zk: Zk
  readonly rivals: readonly [Client, Client, Client]
}

export interface Subject {
  readonly name: string
  /** The parents of all contenders. */
  readonly paths: readonly string[]
  /** What comes after all is over: acquires and releases, for each way of holding. */
  readonly next: (zk: Zk) => Promise<void>
  readonly scenarios: Readonly<Record<string, (stage: Stage) => Promise<void>>>
}

export interface Strike {
  /** What the scenario is given. */
  readonly zk: Zk
  readonly hasFired: () => boolean
  readonly stop: () => void
}

export type Arm = (cluster: Cluster, zk: Client, point: number, seen: string[]) => Strike

function dropping(how: 'dropBefore' | 'dropAfter', expires: boolean): Arm {
  return (cluster, zk, point, seen) => {
    const { control } = cluster
    const { id } = zk.session!
    let count = 0
    const fault: Fault = control[how]({
      where: ({ session, operation }) => {
        if (session !== id || ++count !== point) return false
        seen.push(operation)
        return true
      },
    })
    if (expires) void fault.fired.then(({ session }) => control.expireSession(session))
    return { zk, hasFired: () => fault.hasFired, stop: () => fault.cancel() }
  }
}

const calls = ['create', 'delete', 'exists', 'get', 'set', 'children', 'sync', 'transaction', 'ensurePath']

/** One call comes back with SESSION_MOVED, as from a server that the session has left: it did nothing. */
const moved: Arm = (_, client, point, seen) => {
  let count = 0
  let fired = false
  const refuse = (name: string): Promise<never> | undefined => {
    if (++count !== point) return undefined
    fired = true
    seen.push(name)
    return Promise.reject(errorOf('SESSION_MOVED', 'the session has moved to another server'))
  }
  const transaction = (): unknown => {
    const made = client.transaction()
    const refusal = refuse('transaction')
    if (refusal === undefined) return made
    const chain = {
      create: () => chain,
      delete: () => chain,
      set: () => chain,
      check: () => chain,
      commit: () => refusal,
    }
    return chain
  }
  const zk = new Proxy(client, {
    get(target, key) {
      if (key === 'transaction') return transaction
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      const method = value.bind(target) as (...given: unknown[]) => unknown
      if (!calls.includes(String(key))) return method
      return (...given: unknown[]) => refuse(String(key)) ?? method(...given)
    },
  })
  return { zk, hasFired: () => fired, stop: () => void (count = point) }
}

/** What happens to the request that is struck, by name. */
export const faults: Readonly<Record<string, Arm>> = {
  'reply lost': dropping('dropAfter', false),
  'request lost': dropping('dropBefore', false),
  'session expired before it': dropping('dropBefore', true),
  'session expired after it': dropping('dropAfter', true),
  'session moved': moved,
}

/** False if there is no such request. */
async function strike(
  { paths, next, scenarios }: Subject,
  scenario: string,
  faultName: string,
  point: number,
  seen: string[],
): Promise<boolean> {
  await using cluster = await Cluster.start()
  const client = await cluster.client()
  const rivals = [await cluster.client(), await cluster.client(), await cluster.client()] as const
  await cluster.observer()
  for (const path of paths) await cluster.until(rivals[0].ensurePath(path, { mode: 'container' }))
  const armed = faults[faultName]!(cluster, client, point, seen)
  await scenarios[scenario]!({ cluster, zk: armed.zk, rivals })
  armed.stop()
  await cluster.pass(EXPIRY_MS)
  await cluster.until(next(rivals[2]), 1_000)
  expect(Janitor.of(armed.zk).pending).toBe(0)
  for (const path of paths) await cluster.expectNothingLeft(path)
  return armed.hasFired()
}

/** Declares the tests. */
export function faultMatrix(subject: Subject): void {
  const covered: string[] = []
  let points = 0
  let runs = 0
  describe.each(Object.keys(subject.scenarios))('%s', (scenario) => {
    test.each(Object.keys(faults))('%s, at each request in turn', async (faultName) => {
      const seen: string[] = []
      for (let point = 1; ; point++) {
        try {
          if (!(await strike(subject, scenario, faultName, point, seen))) break
        } catch (error) {
          throw new Error(`${scenario}: ${faultName} at request ${point} (${seen.at(-1)})`, { cause: error })
        }
        runs++
      }
      expect(seen.length).toBeGreaterThan(0)
      if (faultName !== 'reply lost') return
      points += seen.length
      covered.push(`${scenario}: ${seen.join(', ')}`)
    })
  })
  afterAll(() => {
    const kinds = Object.keys(faults)
    process.stdout.write(
      `${subject.name} fault matrix: ${points} request points × ${kinds.length} faults (${kinds.join('; ')}), ` +
        `${runs} runs\n${covered.map((line) => `  ${line}`).join('\n')}\n`,
    )
  })
}
