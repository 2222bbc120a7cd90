import { connect } from 'latchkey'
import { findEngines, TestEnsemble } from 'latchkey/testing'
import { expect, test } from 'vitest'

const TICK_MS = 200

async function cuttable(): Promise<TestEnsemble | undefined> {
  const java = (await findEngines()).find(({ engine }) => engine === 'java')
  if (java?.available !== true || process.platform !== 'linux') return undefined
  const settings = { syncLimit: 5, initLimit: 10 }
  return TestEnsemble.start({ engine: 'java', cuttable: true, tickTimeMs: TICK_MS, settings })
}

test('a follower that is cut from its leader stops serving, and serves again when the link is healed', async ({
  annotate,
}) => {
  await using ensemble = await cuttable()
  if (ensemble === undefined) {
    await annotate('needs Java, on Linux')
    return
  }
  const leader = (await ensemble.leader())!
  const follower = ensemble.members.find((member) => member !== leader)!
  await using elsewhere = await connect(leader.connectString)
  await using zk = await connect(follower.connectString, { sessionTimeoutMs: 1_000 })
  const suspended = new Promise<void>((resolve) => {
    zk.on('state', (state) => {
      if (state === 'suspended') resolve()
    })
  })
  ensemble.cutLink(leader, follower)
  await suspended
  await elsewhere.create('/written-by-the-majority')
  await ensemble.healLinks()
  await ensemble.waitForQuorum()
  await zk.ready()
  expect(await zk.exists('/written-by-the-majority')).toBeDefined()
})
