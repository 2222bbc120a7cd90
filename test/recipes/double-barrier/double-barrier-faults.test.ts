import { DoubleBarrier, hasCode, type BarrierPass, type DoubleBarrierDialectName, type Zk } from 'latchkey'
import { expect } from 'vitest'
import { EXPIRY_MS } from '../cluster.js'
import { faultMatrix, type Stage } from '../fault-matrix.js'

const PATH = '/app/barrier'

type Dialect = DoubleBarrierDialectName
type Play = (barriers: readonly [DoubleBarrier, DoubleBarrier, DoubleBarrier], stage: Stage) => Promise<void>

function scenario(dialect: Dialect, play: Play) {
  return async (stage: Stage): Promise<void> => {
    const { zk, rivals } = stage
    const of = (on: Zk): DoubleBarrier => new DoubleBarrier(on, PATH, { members: 3, dialect })
    await play([of(zk), of(rivals[0]), of(rivals[1])], stage)
  }
}

/** A member that was lost after it had entered is told so; it is no other error. */
async function leave(pass: BarrierPass | undefined): Promise<void> {
  try {
    await pass?.leave()
  } catch (error) {
    if (!hasCode(error, 'LOCK_LOST')) throw error
  }
}

/**
 * The one that is struck. If its session ends after the round was started with it, the others go in without it, and it
 * waits for a round that nobody starts.
 */
async function enter({ zk }: Stage, barrier: DoubleBarrier): Promise<BarrierPass | undefined> {
  const generation = zk.session?.generation
  try {
    return await barrier.enter({ timeoutMs: 60_000 })
  } catch (error) {
    if (zk.session?.generation !== generation && hasCode(error, 'TIMEOUT')) return undefined
    throw error
  }
}

const plays: Readonly<Record<string, Play>> = {
  'comes last': async ([own, one, two], stage) => {
    const { cluster } = stage
    const early = [one.enter(), two.enter()]
    await cluster.quiet()
    const passes = await cluster.until(Promise.all([enter(stage, own), ...early]))
    await cluster.until(Promise.all(passes.map(leave)))
  },

  'comes first and leaves last': async ([own, one, two], stage) => {
    const { cluster } = stage
    let passed = 0
    const entering = [enter(stage, own), one.enter()].map(async (each) => each.finally(() => passed++))
    await cluster.pass(EXPIRY_MS)
    expect(passed).toBe(0)
    const passes = await cluster.until(Promise.all([...entering, two.enter()]))
    const others = passes.slice(1).map(leave)
    await cluster.quiet()
    await cluster.until(Promise.all([leave(passes[0]), ...others]))
  },

  'two rounds': async ([own, one, two], stage) => {
    const { cluster } = stage
    for (let round = 0; round < 2; round++) {
      const passes = await cluster.until(Promise.all([enter(stage, own), one.enter(), two.enter()]))
      await cluster.until(Promise.all(passes.map(leave)))
    }
  },

  'gives up, and comes again': async ([own, one, two], stage) => {
    const { cluster } = stage
    await expect(cluster.until(own.enter({ timeoutMs: 500 }))).rejects.toMatchObject({ code: 'TIMEOUT' })
    await cluster.pass(EXPIRY_MS)
    let passed = 0
    const entering = [one, two].map(async (barrier) => barrier.enter().finally(() => passed++))
    await cluster.pass(200)
    expect(passed).toBe(0)
    const passes = await cluster.until(Promise.all([...entering, enter(stage, own)]))
    await cluster.until(Promise.all(passes.map(leave)))
  },
}

for (const dialect of ['native', 'curator', 'kazoo'] as const)
  faultMatrix({
    name: `double barrier, ${dialect}`,
    paths: [PATH],
    next: async (zk) => (await new DoubleBarrier(zk, PATH, { members: 1, dialect }).enter()).leave(),
    scenarios: Object.fromEntries(
      Object.entries(plays).map(([name, play]) => [name, scenario(dialect, play)]),
    ),
  })
