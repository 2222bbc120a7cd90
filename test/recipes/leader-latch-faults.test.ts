import { LeaderLatch, type Zk } from 'latchkey'
import { expect } from 'vitest'
import { EXPIRY_MS } from './cluster.js'
import { faultMatrix, type Stage } from './fault-matrix.js'

const PATH = '/app/leader'

/** Leads for a moment, and hands on. */
async function turn(latch: LeaderLatch): Promise<void> {
  await latch.start()
  await latch.waitForLeadership()
  await latch.close()
}

/** Whoever says that it leads stands first on the server, as it is seen by somebody else. */
async function checkLeader({ cluster }: Stage, latches: readonly LeaderLatch[]): Promise<void> {
  await cluster.pass(EXPIRY_MS)
  const leading = latches.filter(({ isLeader }) => isLeader)
  expect(leading).toHaveLength(1)
  const observer = new LeaderLatch(await cluster.observer(), PATH)
  expect(await cluster.until(observer.leader())).toMatchObject({
    path: leading[0]!.leadership!.path,
    fencingToken: leading[0]!.leadership!.fencingToken,
    sessionId: leading[0]!.leadership!.sessionId,
  })
}

faultMatrix({
  name: 'leader latch',
  paths: [PATH],
  next: async (zk: Zk) => turn(new LeaderLatch(zk, PATH)),
  scenarios: {
    'starts, leads, closes': async (stage) => {
      const { cluster, zk } = stage
      const latch = new LeaderLatch(zk, PATH)
      await cluster.until(latch.start())
      await cluster.until(latch.waitForLeadership())
      await checkLeader(stage, [latch])
      await cluster.until(latch.close())
    },
    'stands by, then leads': async (stage) => {
      const { cluster, zk, rivals } = stage
      const ahead = new LeaderLatch(rivals[0], PATH)
      const latch = new LeaderLatch(zk, PATH)
      await cluster.until(ahead.start())
      await cluster.until(latch.start())
      await checkLeader(stage, [ahead, latch])
      await cluster.until(ahead.close())
      await cluster.until(latch.waitForLeadership())
      await checkLeader(stage, [ahead, latch])
      await cluster.until(latch.close())
    },
    'stands by between two, and closes': async (stage) => {
      const { cluster, zk, rivals } = stage
      const latches = [rivals[0], zk, rivals[1]].map((each) => new LeaderLatch(each, PATH))
      for (const latch of latches) await cluster.until(latch.start())
      await cluster.until(latches[1]!.close())
      await cluster.quiet()
      await cluster.until(latches[0]!.close())
      await cluster.until(latches[2]!.waitForLeadership())
      await checkLeader(stage, latches)
      await cluster.until(latches[2]!.close())
    },
    'hands leadership on, and gets it back': async (stage) => {
      const { cluster, zk, rivals } = stage
      const [latch, other] = [new LeaderLatch(zk, PATH), new LeaderLatch(rivals[0], PATH)]
      await cluster.until(latch.start())
      const leadership = await cluster.until(latch.waitForLeadership())
      await cluster.until(other.start())
      await cluster.until(leadership.release())
      await checkLeader(stage, [latch, other])
      await cluster.until(other.close())
      await cluster.until(latch.waitForLeadership())
      await checkLeader(stage, [latch, other])
      await cluster.until(latch.close({ mode: 'notify' }))
    },
    'asks who leads and who takes part': async ({ cluster, zk, rivals }) => {
      const leader = new LeaderLatch(rivals[0], PATH, { id: 'leader' })
      await cluster.until(leader.start())
      await cluster.until(leader.waitForLeadership())
      const asking = new LeaderLatch(zk, PATH)
      expect(await cluster.until(asking.leader())).toMatchObject({ value: 'leader' })
      expect(await cluster.until(asking.participants())).toMatchObject([{ id: 'leader', isLeader: true }])
      await cluster.until(leader.close())
    },
  },
})
