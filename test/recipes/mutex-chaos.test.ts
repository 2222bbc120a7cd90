/**
 * Many contenders and a fault every moment: connections dropped before and after a request is applied, sessions expired,
 * waiters giving up, znodes deleted by hand. By seed; the same seed takes the same course.
 *
 * Checked over the whole history: nobody believes to hold while another does, tokens grow with every grant, and in the end
 * nothing is left and the lock is free.
 */
import { Mutex, type Client, type Hold } from 'latchkey'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/runtime/random.js'
import { sleep } from '../../src/runtime/abort.js'
import { Cluster, EXPIRY_MS, PATH } from './cluster.js'

const CLIENTS = 6
const VIRTUAL_MS = 60_000

let losses = 0

interface Tally {
  grants: number
  losses: number
  gaveUp: number
  faults: number
  lastToken: bigint
  holder: string | undefined
}

test.each([1, 2, 3, 4])('seed %i: one holder at a time, tokens grow, nothing is left', async (seed) => {
  await using cluster = await Cluster.start()
  const random = seededRandom(seed)
  const zks: Client[] = []
  for (let i = 0; i < CLIENTS; i++) zks.push(await cluster.client())
  await cluster.observer()
  const tally: Tally = { grants: 0, losses: 0, gaveUp: 0, faults: 0, lastToken: 0n, holder: undefined }
  const end = cluster.clock.now() + VIRTUAL_MS
  const pick = (below: number): number => Math.floor(random.next() * below)

  const believe = (hold: Hold): (() => void) => {
    expect(tally.holder).toBeUndefined()
    expect(hold.fencingToken).toBeGreaterThan(tally.lastToken)
    tally.lastToken = hold.fencingToken
    tally.grants++
    tally.holder = hold.path
    const give = (): void => {
      if (tally.holder === hold.path) tally.holder = undefined
    }
    hold.signal.addEventListener('abort', () => {
      tally.losses++
      give()
    })
    if (hold.signal.aborted) give()
    return give
  }

  const worker = async (zk: Client): Promise<void> => {
    const mutex = new Mutex(zk, PATH)
    while (cluster.clock.now() < end) {
      const limit = pick(3) === 0 ? pick(2_000) : 60_000
      const hold = await mutex.acquire({ timeoutMs: limit }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'TIMEOUT' })
        tally.gaveUp++
      })
      if (hold === undefined) continue
      const give = believe(hold)
      // Some hold long enough to be caught by an outage.
      await sleep(cluster.clock, pick(30) === 0 ? 5_000 : pick(40))
      give()
      await hold.release()
    }
  }

  /** Who stands where just now, in the server's own tree. The first three may hold before a fault of ours arrives. */
  const farBack = (): { session: bigint; path: string }[] =>
    cluster.control
      .sessions()
      .flatMap(({ id, ephemerals }) => ephemerals.map((path) => ({ session: id, path })))
      .sort((x, y) => Number(x.path.slice(-10)) - Number(y.path.slice(-10)))
      .slice(3)

  const chaos = async (): Promise<void> => {
    const observer = await cluster.observer()
    while (cluster.clock.now() < end) {
      await sleep(cluster.clock, 100 + pick(900))
      tally.faults++
      const session = zks[pick(CLIENTS)]!.session?.id
      const kind = pick(100)
      const back = farBack()
      const victim = back[pick(back.length)]
      if (kind < 8) {
        // Nobody reaches the server for longer than a session lasts: all lose by their own clocks, before it does.
        cluster.control.pauseAccepting()
        cluster.control.dropConnections()
        await sleep(cluster.clock, EXPIRY_MS + 1_000)
        cluster.control.resumeAccepting()
      } else if (kind < 35 && session !== undefined) cluster.control.dropAfter({ session })
      else if (kind < 65 && session !== undefined) cluster.control.dropBefore({ session })
      else if (kind < 75 && session !== undefined) cluster.control.dropConnection(session)
      else if (kind < 90 && victim !== undefined) {
        const holds = cluster.control.sessions().find(({ id }) => id === victim.session)
        if (holds?.ephemerals.length === 1) cluster.control.expireSession(victim.session)
      } else if (victim !== undefined) await observer.delete(victim.path).catch(() => undefined)
    }
  }

  await cluster.until(Promise.all([...zks.map(worker), chaos()]), 2 * VIRTUAL_MS)
  cluster.control.clearFaults()
  expect(tally.grants).toBeGreaterThan(50)
  losses += tally.losses
  await cluster.pass(2 * EXPIRY_MS)
  await cluster.expectNothingLeft(PATH)
  const last = await cluster.until(new Mutex(zks[0]!, PATH).acquire({ timeoutMs: 1_000 }))
  expect(last.fencingToken).toBeGreaterThan(tally.lastToken)
  await cluster.until(last.release())
  const { grants, gaveUp, faults } = tally
  process.stdout.write(
    `mutex chaos, seed ${seed}: ${grants} grants, ${faults} faults, ${tally.losses} losses, ${gaveUp} gave up\n`,
  )
})

test('among all seeds, some lost what they held', () => {
  expect(losses).toBeGreaterThan(3)
})
