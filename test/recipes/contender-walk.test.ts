/** The contender kernel in any order of steps, faults and replies: one at a time, everybody served, nothing left. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ContenderWalk, type Strike } from './contender-walk.js'

const RUNS = Number(process.env['LATCHKEY_KERNEL_RUNS'] ?? 150)
const CONTENDERS = 3

class Step implements fc.AsyncCommand<object, ContenderWalk> {
  readonly #name: string
  readonly #act: (walk: ContenderWalk) => unknown

  constructor(name: string, act: (walk: ContenderWalk) => unknown) {
    this.#name = name
    this.#act = act
  }

  check(): boolean {
    return true
  }

  async run(_: object, walk: ContenderWalk): Promise<void> {
    await this.#act(walk)
    walk.check()
  }

  toString(): string {
    return this.#name
  }
}

const who = fc.nat(CONTENDERS - 1)
const how = fc.constantFrom<Strike>(
  'reply lost',
  'reply lost',
  'request lost',
  'connection lost',
  'session expired',
  'znode deleted',
)
const acquire = who.map((index) => new Step(`acquire ${index}`, (walk) => walk.acquire(index)))
const pass = fc.constantFrom(0.5, 1, 2, 3, 5, 8, 20, 60, 400).map((ms) => {
  return new Step(`pass ${ms}`, async (walk) => walk.pass(ms))
})
const steps = [
  acquire,
  acquire,
  pass,
  pass,
  who.map((index) => new Step(`release ${index}`, (walk) => walk.release(index))),
  who.map((index) => new Step(`give up ${index}`, (walk) => walk.giveUp(index))),
  fc.tuple(who, how).map(([index, strike]) => {
    return new Step(`${strike} ${index}`, (walk) => walk.strike(index, strike))
  }),
]

test('in every order, one holds at a time, whoever waits is served, and nothing is left', async () => {
  let grants = 0
  await fc.assert(
    fc.asyncProperty(
      fc.commands(steps, { maxCommands: 40, size: 'max' }),
      fc.nat(),
      async (commands, seed) => {
        await using walk = await ContenderWalk.begin(CONTENDERS, seed)
        await fc.asyncModelRun(() => ({ model: {}, real: walk }), commands)
        await walk.end()
        grants += walk.grants
      },
    ),
    { numRuns: RUNS },
  )
  expect(grants).toBeGreaterThan(RUNS)
}, 180_000)
