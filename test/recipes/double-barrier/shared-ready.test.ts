/** What Curator's and kazoo's layouts leave open, and members of ours do not; and whom no layout of ours counts. */
import { Perms } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { watched } from '../../support/world.js'
import { EXPIRY_MS } from '../cluster.js'
import { PATH, stage } from './stage.js'

const READY = `${PATH}/ready`

describe.each(['curator', 'kazoo'] as const)('%s', (dialect) => {
  test('a member that vanishes between the list and the making of `ready` lets nobody in', async () => {
    await using s = await stage(4, { members: 3, dialect })
    const [first, second, third, fourth] = s.barriers
    const staying = watched(first!.enter())
    const giveUp = new AbortController()
    const vanishing = second!.enter({ signal: giveUp.signal })
    vanishing.catch(() => undefined)
    await s.cluster.quiet()
    const making = s.cluster.control.dropBefore({
      path: READY,
      where: ({ session, operation }) => {
        if (session !== s.zks[2]!.session?.id || !['create', 'multi'].includes(operation)) return false
        giveUp.abort(new Error('enough'))
        s.cluster.control.expireSession(s.zks[1]!.session!.id)
        making.cancel()
        return false
      },
    })
    const last = watched(third!.enter())
    await s.cluster.pass(EXPIRY_MS)
    await expect(vanishing).rejects.toThrow('enough')
    expect([staying.settled, last.settled]).toEqual([false, false])
    const passes = await s.cluster.until(Promise.all([fourth!.enter(), staying.promise, last.promise]))
    await s.cluster.until(Promise.all(passes.map(async (pass) => pass.leave())))
    await s.cluster.expectNothingLeft(PATH)
  })

  test('who leaves does not wait for those of the next round', async () => {
    await using s = await stage(4, { members: 3, dialect })
    const [one, two, three] = await s.cluster.until(
      Promise.all(s.barriers.slice(0, 3).map(async (barrier) => barrier.enter())),
    )
    const leaving = [watched(one!.leave()), watched(two!.leave())]
    await s.cluster.quiet()
    expect(leaving.map(({ settled }) => settled)).toEqual([false, false])
    // On the server before those who leave have heard that the last one is gone.
    const withdrawn = three!.withdraw()
    const giveUp = new AbortController()
    const early = s.barriers[3]!.enter({ signal: giveUp.signal })
    early.catch(() => undefined)
    await s.cluster.until(withdrawn)
    await s.cluster.pass(EXPIRY_MS)
    expect(leaving.map(({ settled }) => settled)).toEqual([true, true])
    giveUp.abort(new Error('enough'))
    await expect(s.cluster.until(early)).rejects.toThrow('enough')
    await s.cluster.quiet()
    if ((await s.cluster.children(PATH))?.includes('ready') === true)
      await s.cluster.until(s.zks[0]!.delete(READY))
    await s.cluster.expectNothingLeft(PATH)
  })
})

test.each(['native', 'curator', 'kazoo'] as const)(
  '%s: a znode of ours that could not be deleted yet does not count as a member',
  async (dialect) => {
    const acl = [{ scheme: 'world', id: 'anyone', perms: Perms.ALL & ~Perms.DELETE }]
    await using s = await stage(1, { members: 2, dialect, acl })
    const barrier = s.barriers[0]!
    await expect(s.cluster.until(barrier.enter({ timeoutMs: 1_000 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    await expect(s.cluster.until(barrier.enter({ timeoutMs: 1_000 }))).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
  },
)
