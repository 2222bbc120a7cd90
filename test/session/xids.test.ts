/**
 * Under which numbers requests go out. Servers match what is committed with what waits by session and xid alone
 * (CommitProcessor, ZOOKEEPER-2684): a number used again after a reconnect gets the answer to the request that had it
 * before, if that one was still on its way. Seen on three real servers: `test/conformance/moving-session.test.ts`.
 */
import { expect, test } from 'vitest'
import type { ConnectOptions } from 'latchkey'
import { Xid } from '../../src/protocol/constants.js'
import type { Random } from '../../src/runtime/random.js'
import { ANSWER, answeringWhile } from '../support/answering-peer.js'
import { ScriptedPeer, type Script } from '../support/scripted-peer.js'
import { failureOf, World } from '../support/world.js'

/** Reads and writes are answered, but for those of the path that the test loses. */
const ANSWER_UNLESS_LOST: Script = {
  request: (request, peer) => {
    if (request.body.includes('/lost')) peer.connection.destroy()
    else ANSWER.request?.(request, peer)
  },
}

function xidsOf(peer: ScriptedPeer): number[][] {
  return peer.connections.map(({ requests }) => requests.map(({ xid }) => xid))
}

test('they go on from one connection of a session to the next', async () => {
  await using world = new World()
  await using peer = await ScriptedPeer.start(world.network, ANSWER_UNLESS_LOST)
  const client = await world.client(peer.connectString)
  await world.until(client.exists('/a'))
  for (let connection = 0; connection < 2; connection++) {
    const lost = failureOf(client.set('/lost', 'x'))
    expect(await world.until(lost)).toMatchObject({ code: 'CONNECTION_LOSS', outcome: 'unknown' })
    await world.until(client.set('/b', 'x'))
  }
  expect(xidsOf(peer)).toEqual([[1, 2], [3, 4], [5]])
})

test('a read that is sent again gets a number of its own', async () => {
  await using world = new World()
  let answers = false
  await using peer = await ScriptedPeer.start(
    world.network,
    answeringWhile(() => answers),
  )
  const client = await world.client(peer.connectString)
  const read = client.exists('/a')
  await world.untilTrue(() => peer.last.requests.length === 1)
  answers = true
  peer.last.connection.destroy()
  await world.until(read)
  expect(xidsOf(peer)).toEqual([[1], [2]])
})

test('who takes a session over does not begin where its owner did', async () => {
  await using world = new World()
  await using peer = await ScriptedPeer.start(world.network, ANSWER)
  const owner = await world.client(peer.connectString)
  await world.until(owner.exists('/a'))
  const session = owner.exportSession()
  if (session === undefined) throw new Error('no session')
  await world.until(owner.close({ keepSession: true }))
  const heir = await world.client(peer.connectString, { session })
  await world.until(heir.exists('/a'))
  const [[mine], [its]] = xidsOf(peer) as [[number], [number]]
  expect(mine).toBe(1)
  // Anywhere in two thousand million; by this world's seed, not near the beginning.
  expect(its).toBeGreaterThan(1_000_000)
})

test.each([
  [0, [Xid.first, Xid.first + 1, Xid.first + 2]],
  [1 - 2 ** -40, [Xid.last, Xid.first, Xid.first + 1]],
])('they stay positive: drawn at %d, they go on from the last with the first', async (drawn, expected) => {
  await using world = new World()
  await using peer = await ScriptedPeer.start(world.network, ANSWER)
  const owner = await world.client(peer.connectString)
  const session = owner.exportSession()
  if (session === undefined) throw new Error('no session')
  await world.until(owner.close({ keepSession: true }))
  const random: Random = { ...world.runtime.random, next: () => drawn }
  const options: ConnectOptions = { session, runtime: { ...world.runtime, random } }
  const heir = await world.client(peer.connectString, options)
  for (let i = 0; i < 3; i++) await world.until(heir.exists('/a'))
  expect(peer.last.requests.map(({ xid }) => xid)).toEqual(expected)
})
