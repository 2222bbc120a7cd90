import { Barrier, type Client, type Zk } from 'latchkey'
import { expect, test } from 'vitest'
import { Cluster, EXPIRY_MS } from './cluster.js'
import { faultMatrix, type Stage } from './fault-matrix.js'

const PATH = '/app/gates/gate'

async function stage(
  clients: number,
): Promise<{ cluster: Cluster; zks: Client[]; gates: Barrier[] } & AsyncDisposable> {
  const cluster = await Cluster.start()
  const zks: Client[] = []
  for (let i = 0; i < clients; i++) zks.push(await cluster.client())
  const gates = zks.map((zk) => new Barrier(zk, PATH))
  return { cluster, zks, gates, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

test('closed, all wait; opened, all go on', async () => {
  await using s = await stage(3)
  await s.cluster.until(s.gates[0]!.wait())
  expect(await s.cluster.until(s.gates[0]!.set())).toBe(true)
  expect(await s.cluster.until(s.gates[1]!.set())).toBe(false)
  expect(await s.cluster.until(s.gates[1]!.isSet())).toBe(true)
  let passed = 0
  const waiting = s.gates.map(async (gate) => gate.wait().then(() => passed++))
  await s.cluster.pass(EXPIRY_MS)
  expect(passed).toBe(0)
  expect(await s.cluster.until(s.gates[2]!.remove())).toBe(true)
  await s.cluster.until(Promise.all(waiting))
  expect(await s.cluster.until(s.gates[0]!.remove())).toBe(false)
  await s.cluster.expectNothingLeft('/app/gates')
})

test('a wake-up that is not its opening lets nobody through', async () => {
  await using s = await stage(2)
  await s.cluster.until(s.gates[0]!.set())
  let passed = false
  const waiting = s.gates[1]!.wait().then(() => (passed = true))
  await s.cluster.quiet()
  await s.cluster.until(s.zks[0]!.set(PATH, 'touched'))
  await s.cluster.pass(200)
  s.cluster.control.expireSession(s.zks[1]!.session!.id)
  await s.cluster.pass(2_000)
  expect(passed).toBe(false)
  await s.cluster.until(s.gates[0]!.remove())
  await s.cluster.until(waiting)
})

test('who gives up waiting leaves no watch', async () => {
  await using s = await stage(1)
  await s.cluster.until(s.gates[0]!.set())
  await expect(s.cluster.until(s.gates[0]!.wait({ timeoutMs: 300 }))).rejects.toMatchObject({
    code: 'TIMEOUT',
  })
  await s.cluster.until(s.gates[0]!.remove())
  await s.cluster.expectNothingLeft('/app/gates')
})

test('a lost closing that another may have undone is said to be unknown, and not repeated', async () => {
  await using s = await stage(2)
  await s.cluster.until(s.gates[0]!.remove())
  await s.cluster.until(s.zks[1]!.ensurePath('/app/gates'))
  const { fired } = s.cluster.control.dropAfter({ session: s.zks[0]!.session!.id, operation: 'create' })
  const undone = fired.then(async () => s.gates[1]!.remove())
  const closing: unknown = await s.cluster.until(s.gates[0]!.set().catch((error: unknown) => error))
  expect(await s.cluster.until(undone)).toBe(true)
  expect(closing).toMatchObject({ code: 'CONNECTION_LOSS', outcome: 'unknown' })
  expect(await s.cluster.until(s.gates[1]!.isSet())).toBe(false)
})

async function closedAndOpened(zk: Zk): Promise<void> {
  const gate = new Barrier(zk, PATH)
  await gate.set()
  await gate.remove()
}

faultMatrix({
  name: 'barrier',
  paths: ['/app/gates'],
  next: closedAndOpened,
  scenarios: {
    'closed and opened': async ({ cluster, zk, rivals }: Stage) => {
      const [gate, other] = [new Barrier(zk, PATH), new Barrier(rivals[0], PATH)]
      expect(await cluster.until(gate.set())).toBe(true)
      expect(await cluster.until(other.isSet())).toBe(true)
      expect(await cluster.until(gate.remove())).toBe(true)
      expect(await cluster.until(other.isSet())).toBe(false)
    },
    waits: async ({ cluster, zk, rivals }: Stage) => {
      const [gate, other] = [new Barrier(zk, PATH), new Barrier(rivals[0], PATH)]
      await cluster.until(other.set())
      let passed = false
      const waiting = gate.wait().then(() => (passed = true))
      await cluster.pass(EXPIRY_MS)
      expect(passed).toBe(false)
      await cluster.until(other.remove())
      await cluster.until(waiting)
    },
  },
})
