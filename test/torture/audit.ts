/** What is left on the servers when all workers are gone and every session of theirs is over. */
import { connect, joinPath, type Client } from '../../src/index.js'
import { sleep } from '../../src/runtime/abort.js'
import { systemClock } from '../../src/runtime/clock.js'
import { TICK_MS, type Stage } from './stage.js'

export interface Leftovers {
  readonly orphans: readonly string[]
  readonly watches: number
}

async function ephemeralsBelow(zk: Client, path: string): Promise<string[]> {
  const stat = await zk.exists(path)
  if (stat === undefined) return []
  if (stat.ephemeralOwner !== 0n) return [path]
  const { children } = await zk.children(path)
  const found: string[] = []
  for (const child of children) found.push(...(await ephemeralsBelow(zk, joinPath(path, child))))
  return found
}

async function watches(stage: Stage): Promise<number> {
  const answers = await Promise.all(stage.ensemble.members.map(async (member) => member.ask('wchs')))
  return answers.reduce((sum, answer) => sum + Number(/Total watches:(\d+)/.exec(answer)?.[1] ?? 0), 0)
}

export async function audit(stage: Stage): Promise<Leftovers> {
  // A session's end is rounded up to the next tick, and those of killed workers begin to end only now.
  await sleep(systemClock, stage.options.sessionTimeoutMs + 2 * TICK_MS)
  await using zk = await connect(stage.ensemble.connectString)
  await zk.sync('/')
  return { orphans: await ephemeralsBelow(zk, stage.root), watches: await watches(stage) }
}
