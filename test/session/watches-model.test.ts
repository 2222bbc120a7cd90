/** The watches of the real client on the embedded server, against a model of ZooKeeper's, in any order of events. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Client, Watch } from 'latchkey'
import type { EmbeddedServer } from 'latchkey/server'
import { World } from '../support/world.js'
import { Ear } from './watch-setting.js'
import { WatchModel, type Change, type ChangeKind, type LookKind, type ModelWatch } from './watch-model.js'

const RUNS = Number(process.env['LATCHKEY_WATCH_RUNS'] ?? 250)
const PATHS = ['/m', '/m/a', '/m/a/b', '/m/c']

interface Pair {
  readonly expected: ModelWatch
  readonly ear: Ear
  /** Of a watch that stays. */
  readonly watch?: Watch
}

/** The real thing and its model, which take the same steps. */
class Walk implements AsyncDisposable {
  readonly world = new World()
  readonly model = new WatchModel()
  readonly pairs: Pair[] = []
  #server!: EmbeddedServer
  #client!: Client
  #other!: Client

  static async begin(): Promise<Walk> {
    const walk = new Walk()
    walk.#server = await walk.world.server()
    walk.#other = await walk.world.client(walk.#server.connectString)
    walk.#client = await walk.world.client(walk.#server.connectString)
    return walk
  }

  async look(kind: LookKind, path: string): Promise<void> {
    const ear = new Ear()
    const expected = this.model.look(kind, path)
    const looking = this.#client[kind](path, { watch: ear.listener }).catch(() => undefined)
    await this.world.until<unknown>(looking)
    if (expected !== undefined) this.pairs.push({ expected, ear })
  }

  async follow(path: string, recursive: boolean): Promise<void> {
    const ear = new Ear()
    const watch = await this.world.until(this.#client.watch(path, ear.listener, { recursive }))
    this.pairs.push({ expected: this.model.follow(path, recursive), ear, watch })
  }

  async change(change: Change): Promise<void> {
    if (!this.model.allows(change)) return
    this.model.apply(change)
    await this.world.until<unknown>(this.#other[change.kind](change.path, 'x'))
    await this.world.pass(5)
  }

  async remove(index: number): Promise<void> {
    const pair = this.pairs[index % Math.max(this.pairs.length, 1)]
    if (pair === undefined) return
    const { expected, ear, watch } = pair
    this.model.remove(expected)
    await this.world.until(watch?.close() ?? this.#client.removeWatch(expected.path, ear.listener))
  }

  async outage(changes: readonly Change[]): Promise<void> {
    const { control } = this.#server
    const begins = this.pairs.map(({ expected }) => expected.heard.length)
    this.model.disconnect()
    control.pauseAccepting()
    control.dropConnection(this.#client.session!.id)
    for (const change of changes) await this.change(change)
    control.resumeAccepting()
    await this.world.untilTrue(() => this.#client.state === 'suspended')
    await this.world.untilTrue(() => this.#client.state === 'connected')
    this.model.reconnect()
    await this.world.pass(10)
    // In which order missed events are told is not promised.
    for (const [index, { expected, ear }] of this.pairs.entries())
      for (const heard of [expected.heard, ear.heard]) heard.push(...heard.splice(begins[index]!).sort())
  }

  check(): void {
    for (const { expected, ear } of this.pairs)
      expect({ ...expected, heard: ear.heard }, `${expected.kind} ${expected.path}`).toEqual(expected)
  }

  /** Once everybody has been taken back, the server keeps nothing for us. */
  async end(): Promise<void> {
    for (let index = 0; index < this.pairs.length; index++) await this.remove(index)
    await this.world.pass(10)
    this.check()
    expect(this.#server.control.watchCounts()).toEqual({ data: 0, children: 0 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]()
  }
}

const path = fc.constantFrom(...PATHS)
const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom<ChangeKind>('create', 'create', 'set', 'delete'),
  path,
})

type Step = fc.AsyncCommand<object, Walk>

class Doing implements Step {
  readonly #name: string
  readonly #run: (walk: Walk) => Promise<void>

  constructor(name: string, run: (walk: Walk) => Promise<void>) {
    this.#name = name
    this.#run = run
  }

  check(): boolean {
    return true
  }

  async run(_: object, walk: Walk): Promise<void> {
    await this.#run(walk)
    walk.check()
  }

  toString(): string {
    return this.#name
  }
}

const shown = ({ kind, path: at }: Change): string => `${kind} ${at}`

const steps: fc.Arbitrary<Step>[] = [
  fc.tuple(fc.constantFrom<LookKind>('get', 'exists', 'children'), path).map(([kind, at]) => {
    return new Doing(`look ${kind} ${at}`, async (walk) => walk.look(kind, at))
  }),
  fc.tuple(path, fc.boolean()).map(([at, recursive]) => {
    return new Doing(`follow ${at}${recursive ? '/**' : ''}`, async (walk) => walk.follow(at, recursive))
  }),
  change.map((each) => new Doing(shown(each), async (walk) => walk.change(each))),
  change.map((each) => new Doing(shown(each), async (walk) => walk.change(each))),
  fc.nat(20).map((index) => new Doing(`remove ${index}`, async (walk) => walk.remove(index))),
  fc
    .array(change, { maxLength: 4 })
    .map((all) => new Doing(`outage (${all.map(shown).join(', ')})`, async (walk) => walk.outage(all))),
]

test('every listener hears what ZooKeeper promises, over removals and outages, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 30, size: 'max' }), async (commands) => {
      await using walk = await Walk.begin()
      await walk.change({ kind: 'create', path: '/m' })
      await fc.asyncModelRun(() => ({ model: {}, real: walk }), commands)
      await walk.end()
    }),
    { numRuns: RUNS },
  )
}, 120_000)
