/**
 * A client whose session moves to another server while a write is on its way. Each round cuts the connection right behind
 * a create and asks for another one through the next server, where there is one, while the first is still being committed.
 */
import { expect, it, onTestFinished } from 'vitest'
import { connect } from 'latchkey'
import { FaultProxy } from 'latchkey/testing'
import { onlooker, member, stage } from './stage.js'

/** When numbers began again on each connection, a fifth of the moves to a follower went wrong (3.8.0). */
const ROUNDS = 40

/** In front of the first two servers; whoever asks for a path of `lost-` is cut off behind it. */
async function proxied(): Promise<string> {
  const targets = [member(0), member(1)].map(({ host, port }) => `${host}:${port}`)
  const proxies = await Promise.all(targets.map(async (target) => FaultProxy.inFrontOf(target)))
  for (const proxy of proxies) {
    onTestFinished(async () => proxy[Symbol.asyncDispose]())
    const where = (): boolean => {
      setImmediate(() => proxy.cut('end'))
      return false
    }
    proxy.inject('drop-before', { path: /\/lost-/, where })
  }
  return proxies.map(({ connectString }) => connectString).join(',')
}

it('each request gets its own answer, not that of one that went down with the old connection', async () => {
  const { zk, root } = await stage()
  const connectString = await proxied()
  for (let round = 0; round < ROUNDS; round++) {
    await using client = await connect(connectString)
    const outcome: unknown = await client.create(`${root}/lost-${round}`).catch((error: unknown) => error)
    // Cut off in time, or answered before.
    if (outcome instanceof Error)
      expect(outcome).toMatchObject({ code: 'CONNECTION_LOSS', outcome: 'unknown' })
    expect(await client.create(`${root}/kept-${round}`)).toMatchObject({ path: `${root}/kept-${round}` })
  }
  const { children } = (await (await onlooker(zk)).children(root)).body
  const kept = children.filter((name) => name.startsWith('kept-'))
  expect(kept).toHaveLength(ROUNDS)
})
