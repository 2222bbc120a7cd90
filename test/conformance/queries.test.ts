/** Questions about the session, the tree and the ensemble; and reconfiguration, which is refused. */
import { describe, expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { Flags } from './peer.js'
import { client, onlooker, peer, stage } from './stage.js'
import { has } from './versions.js'

if (has.operationsOf36) {
  describe('getEphemerals', () => {
    it('lists the session’s own, by the beginning of their path', async () => {
      const { zk, root } = await stage()
      const other = await onlooker(zk)
      await zk.create(`${root}/a`, { flags: Flags.ephemeral })
      await zk.create(`${root}/ab`, { flags: Flags.ephemeral })
      await zk.create(`${root}/persistent`)
      await other.create(`${root}/other`, { flags: Flags.ephemeral })
      await zk.sync()
      const list = async (prefixPath: string): Promise<string[]> =>
        [...(await zk.ask('getEphemerals', { prefixPath })).body.ephemerals].sort()
      expect(await list('/')).toEqual([`${root}/a`, `${root}/ab`])
      expect(await list('')).toEqual([`${root}/a`, `${root}/ab`])
      expect(await list(root)).toEqual([`${root}/a`, `${root}/ab`])
      // Not a path but a beginning: it ends where it likes.
      expect(await list(`${root}/ab`)).toEqual([`${root}/ab`])
      expect(await list(`${root}/a`)).toEqual([`${root}/a`, `${root}/ab`])
      expect(await list('/no')).toEqual([])
    })

    it('forgets those that were deleted', async () => {
      const { zk, root } = await stage()
      await zk.create(`${root}/a`, { flags: Flags.ephemeral })
      await zk.delete(`${root}/a`)
      expect((await zk.ask('getEphemerals', { prefixPath: '/' })).body.ephemerals).toEqual([])
    })
  })

  describe('getAllChildrenNumber', () => {
    it('counts all below, at all depths', async () => {
      const { zk, root } = await stage()
      const count = async (path: string): Promise<number> =>
        (await zk.ask('getAllChildrenNumber', { path })).body.totalNumber
      expect(await count(root)).toBe(0)
      for (const name of ['a', 'a/b', 'a/b/c', 'd', 'ab']) await zk.create(`${root}/${name}`)
      expect(await count(root)).toBe(5)
      expect(await count(`${root}/a`)).toBe(2)
      expect(await count('/')).toBeGreaterThan(8)
    })

    it('fails without a znode, and without permission', async () => {
      const { zk, root } = await stage()
      expect((await zk.ask('getAllChildrenNumber', { path: `${root}/no` })).error).toBe('NO_NODE')
      const acl = [{ perms: 30, identity: { scheme: 'world', id: 'anyone' } }]
      await zk.create(`${root}/shut`, { acl })
      expect((await zk.ask('getAllChildrenNumber', { path: `${root}/shut` })).error).toBe('NO_AUTH')
    })
  })
} else {
  it.each(['getEphemerals', 'getAllChildrenNumber', 'multiRead'] as const)(
    'the client says UNIMPLEMENTED of %s, and goes on',
    async (what) => {
      const { root } = await stage()
      const user = await client()
      const ask = {
        getEphemerals: async () => user.getEphemerals(),
        getAllChildrenNumber: async () => user.getAllChildrenNumber(root),
        multiRead: async () => user.multiRead([{ type: 'get', path: root }]),
      }[what]
      await expect(ask()).rejects.toMatchObject({ code: 'UNIMPLEMENTED', outcome: 'rejected' })
      await user.sync(root)
      expect((await user.get(root)).stat.version).toBe(0)
    },
  )
}

if (has.whoAmI) {
  describe('whoAmI', () => {
    it('names the address, and each identity without its secret', async () => {
      const zk = await peer()
      const who = async (): Promise<string[]> =>
        (await zk.ask('whoAmI', undefined)).body.clientInfo.map(
          ({ authScheme, user }) => `${authScheme} ${user}`,
        )
      const [address] = await who()
      expect(address).toMatch(/^ip [0-9a-f.:]+$/)
      await zk.addAuth('digest', 'ann:secret')
      await zk.addAuth('digest', 'bob:secret')
      await zk.addAuth('digest', 'ann:secret')
      expect((await who()).sort()).toEqual(['digest ann', 'digest bob', address].sort())
    })
  })
} else {
  it('the client says UNIMPLEMENTED of whoAmI', async () => {
    const user = await client()
    await expect(user.whoAmI()).rejects.toMatchObject({ code: 'UNIMPLEMENTED' })
  })
}

describe('the configuration', () => {
  it('can be read by anyone and changed by nobody', async () => {
    const zk = await peer()
    const got = await zk.get('/zookeeper/config')
    expect(got.error).toBe('OK')
    expect((await zk.set('/zookeeper/config', 'x')).error).toBe('NO_AUTH')
    expect((await zk.setAcl('/zookeeper/config', [])).error).toBe('INVALID_ACL')
  })

  it('names the members of an ensemble, and nobody where there is one server', async () => {
    const user = await client()
    const { data } = await user.getConfig()
    const members = data.toString().match(/^server\.\d+=/gm) ?? []
    expect(members).toHaveLength(servers.members.length > 1 ? servers.members.length : 0)
  })
})

describe('reconfig', () => {
  const nothing = { joiningServers: null, leavingServers: null, newMembers: null, configId: -1n }

  if (servers.members.length === 1) {
    it('is unknown to a single server', async () => {
      const zk = await peer()
      const answer = await zk.ask('reconfig', { ...nothing, joiningServers: 'server.9=127.0.0.1:1:2;3' })
      expect(answer.error).toBe('UNIMPLEMENTED')
      expect((await zk.sync()).error).toBe('OK')
    })
  } else {
    it('needs permission', async () => {
      const zk = await peer()
      const answer = await zk.ask('reconfig', { ...nothing, leavingServers: '9' })
      expect(answer.error).toBe('NO_AUTH')
    })

    it('of an old configuration, or one that can not be, is refused', async () => {
      const user = await client({
        auth: servers.superUser === undefined ? [] : [{ scheme: 'digest', auth: servers.superUser }],
      })
      await expect(user.reconfig({ leaving: '9', fromConfig: 0x7777n })).rejects.toMatchObject({
        code: 'BAD_VERSION',
      })
      await expect(user.reconfig({ joining: 'nonsense' })).rejects.toMatchObject({ code: 'BAD_ARGUMENTS' })
    })
  }
})
