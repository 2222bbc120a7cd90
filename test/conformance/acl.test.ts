/** Permissions: which one each operation needs and where, who is who, what is stored, what is shown. */
import { describe, expect, it } from 'vitest'
import { digestId } from 'latchkey'
import type { AclEntry } from '../../src/protocol/records.js'
import { servers } from '../support/ensemble.js'
import { openAcl } from '../support/raw-client.js'
import type { Peer } from './peer.js'
import { area, onlooker, peer, stage } from './stage.js'
import { has } from './versions.js'

const Perm = { read: 1, write: 2, create: 4, delete: 8, admin: 16 } as const

const acl = (perms: number, scheme = 'world', id = 'anyone'): AclEntry[] => [
  { perms, identity: { scheme, id } },
]

/** What each operation answers on `path`, which is there and has a child `c`. */
const attempts: Readonly<Record<string, (zk: Peer, path: string) => Promise<string>>> = {
  get: async (zk, path) => (await zk.get(path)).error,
  exists: async (zk, path) => (await zk.exists(path)).error,
  children: async (zk, path) => (await zk.children(path)).error,
  set: async (zk, path) => (await zk.set(path, 'y')).error,
  create: async (zk, path) => (await zk.create(`${path}/d`)).error,
  delete: async (zk, path) => (await zk.delete(`${path}/c`)).error,
  getACL: async (zk, path) => (await zk.getAcl(path)).error,
  setACL: async (zk, path) => (await zk.setAcl(path, openAcl)).error,
  check: async (zk, path) => {
    const [result] = (await zk.multi({ op: 'check', path, version: -1 })).body
    return result?.op === 'error' ? (result.err === -102 ? 'NO_AUTH' : String(result.err)) : 'OK'
  },
}

/**
 * Waits until each server has applied what was answered. A leader checks a write by the old ACL until it has applied
 * the new one itself, and its followers may answer before it has.
 */
async function everywhere(): Promise<(answer: { readonly zxid: bigint }) => Promise<void>> {
  const peers = await Promise.all(servers.members.map(async (_, server) => peer({ server })))
  return async ({ zxid }) => {
    for (const each of peers) while ((await each.sync()).zxid < zxid);
  }
}

describe('each permission allows', () => {
  it.each([
    ['read', ['get', 'children', 'getACL', 'check']],
    ['write', ['set']],
    ['create', ['create']],
    ['delete', ['delete']],
    ['admin', ['getACL', 'setACL']],
  ] as const)('%s: %j, and nothing else', async (perm, allowed) => {
    const { zk, root } = await stage()
    const applied = await everywhere()
    for (const [name, attempt] of Object.entries(attempts)) {
      const path = `${root}/${name}`
      await zk.create(path)
      await zk.create(`${path}/c`)
      await applied(await zk.setAcl(path, acl(Perm[perm])))
      // Before, exists told anyone of any znode (ZOOKEEPER-2590).
      const mayAsk = perm === 'read' || !has.existsNeedsRead
      const may = name === 'exists' ? mayAsk : (allowed as readonly string[]).includes(name)
      expect(await attempt(zk, path), name).toBe(may ? 'OK' : 'NO_AUTH')
    }
  })
})

describe('who is who', () => {
  it('auth stands for the identities of the session, as they are then', async () => {
    const { zk, root } = await stage()
    await zk.addAuth('digest', 'ann:secret')
    await zk.addAuth('digest', 'bob:secret')
    await zk.create(`${root}/a`, { acl: acl(31, 'auth', '') })
    const stored = (await zk.getAcl(`${root}/a`)).body.acl
    expect(stored.map(({ perms, identity }) => [perms, identity.scheme, identity.id]).sort()).toEqual([
      [31, 'digest', digestId('ann:secret')],
      [31, 'digest', digestId('bob:secret')],
    ])
  })

  it('auth ignores its id', async () => {
    const { zk, root } = await stage()
    await zk.addAuth('digest', 'ann:secret')
    await zk.create(`${root}/a`, { acl: acl(31, 'auth', 'whatever') })
    expect((await zk.getAcl(`${root}/a`)).body.acl).toEqual(acl(31, 'digest', digestId('ann:secret')))
  })

  it('auth without an identity is refused', async () => {
    const { zk, root } = await stage()
    expect((await zk.create(`${root}/a`, { acl: acl(31, 'auth', '') })).error).toBe('INVALID_ACL')
  })

  it('a digest lets in whoever knows the password, on any session', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`, { acl: acl(31, 'digest', digestId('ann:secret')) })
    const other = await onlooker(zk)
    expect((await other.get(`${root}/a`)).error).toBe('NO_AUTH')
    await other.addAuth('digest', 'ann:wrong')
    expect((await other.get(`${root}/a`)).error).toBe('NO_AUTH')
    await other.addAuth('digest', 'bob:secret')
    expect((await other.get(`${root}/a`)).error).toBe('NO_AUTH')
    await other.addAuth('digest', 'ann:secret')
    expect((await other.get(`${root}/a`)).error).toBe('OK')
  })

  it('an identity belongs to a connection, not to its session', async () => {
    const { zk, root } = await stage()
    await zk.addAuth('digest', 'ann:secret')
    await zk.create(`${root}/a`, { acl: acl(31, 'auth', '') })
    const { sessionId, password } = zk.session
    await zk.raw.drop()
    const again = await peer({ sessionId, password: password ?? Buffer.alloc(16) })
    expect(again.id).toBe(sessionId)
    expect((await again.get(`${root}/a`)).error).toBe('NO_AUTH')
  })

  it('an address, or a range of them, lets in who comes from there', async () => {
    const { zk, root } = await stage()
    const own = servers.engine === 'docker' || servers.engine === 'given' ? '0.0.0.0/0' : '127.0.0.1'
    await zk.create(`${root}/own`, { acl: acl(31, 'ip', own) })
    await zk.create(`${root}/range`, { acl: acl(31, 'ip', own.includes('/') ? own : '127.0.0.0/8') })
    await zk.create(`${root}/other`, { acl: acl(31, 'ip', '203.0.113.7') })
    await zk.create(`${root}/otherRange`, { acl: acl(31, 'ip', '203.0.113.0/24') })
    const got = async (name: string): Promise<string> => (await zk.get(`${root}/${name}`)).error
    expect([await got('own'), await got('range')]).toEqual(['OK', 'OK'])
    expect([await got('other'), await got('otherRange')]).toEqual(['NO_AUTH', 'NO_AUTH'])
  })

  it('one entry that allows is enough', async () => {
    const { zk, root } = await stage()
    const both = [...acl(31, 'digest', 'nobody:x'), ...acl(1)]
    await zk.create(`${root}/a`, { acl: both })
    expect((await zk.get(`${root}/a`)).error).toBe('OK')
    expect((await zk.set(`${root}/a`, 'y')).error).toBe('NO_AUTH')
  })

  it('an unknown scheme of credentials ends the connection', async () => {
    const zk = await peer()
    expect((await zk.addAuth('nonsense', 'x')).error).toBe('AUTH_FAILED')
    await zk.raw.closed
  })
})

if (servers.superUser !== undefined) {
  const { superUser } = servers
  it('the super user may do all', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`, { acl: acl(31, 'digest', 'nobody:x') })
    expect((await zk.get(`${root}/a`)).error).toBe('NO_AUTH')
    await zk.addAuth('digest', superUser)
    for (const [name, attempt] of Object.entries(attempts)) {
      await zk.create(`${root}/a/c`)
      expect(await attempt(zk, `${root}/a`), name).toBe('OK')
      await zk.delete(`${root}/a/d`)
      await zk.setAcl(`${root}/a`, acl(31, 'digest', 'nobody:x'))
    }
    expect((await zk.getAcl(`${root}/a`)).body.acl).toEqual(acl(31, 'digest', 'nobody:x'))
  })
}

describe('an ACL that can not be', () => {
  it.each([
    ['none at all', []],
    ['an unknown scheme', acl(31, 'nonsense', 'x')],
    ['world with another id', acl(31, 'world', 'nobody')],
    ['a digest without a colon', acl(31, 'digest', 'ann')],
    ['a digest with two', acl(31, 'digest', 'a:b:c')],
    ['an address that is none', acl(31, 'ip', 'not an address')],
    ['an address of three bytes', acl(31, 'ip', '10.0.0')],
    ['a range of 33 bits', acl(31, 'ip', '10.0.0.0/33')],
    ['a range of negative bits', acl(31, 'ip', '10.0.0.0/-1')],
    ['super', acl(31, 'super', '')],
    ['a good one and a bad one', [...openAcl, ...acl(31, 'nonsense', 'x')]],
  ])('%s is refused by create and setACL', async (_what, bad) => {
    const { zk, root } = await stage()
    expect((await zk.create(`${root}/a`, { acl: bad })).error).toBe('INVALID_ACL')
    expect((await zk.setAcl(root, bad)).error).toBe('INVALID_ACL')
    const [result] = (await zk.multi({ op: 'create', path: `${root}/a`, data: null, acl: bad, flags: 0 }))
      .body
    expect(result).toEqual({ op: 'error', err: -114 })
  })

  it('permissions of none are taken: nobody may do anything', async () => {
    const { zk, root } = await stage()
    expect((await zk.create(`${root}/a`, { acl: acl(0) })).error).toBe('OK')
    expect((await zk.get(`${root}/a`)).error).toBe('NO_AUTH')
  })

  it('the same entry twice is stored once', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`, { acl: [...openAcl, ...acl(1), ...openAcl] })
    expect((await zk.getAcl(`${root}/a`)).body.acl).toEqual([...openAcl, ...acl(1)])
  })
})

describe('setACL', () => {
  it('changes the ACL and aversion, and nothing else', async () => {
    const { zk, root } = await stage()
    const before = await zk.stat(root)
    const set = await zk.setAcl(root, acl(31))
    expect(set.body.stat).toEqual({ ...before, aversion: 1 })
    expect(await zk.stat(root)).toEqual({ ...before, aversion: 1 })
    expect((await zk.getAcl(root)).body).toEqual({ acl: acl(31), stat: { ...before, aversion: 1 } })
  })

  it('compares with aversion, not with version', async () => {
    const { zk, root } = await stage()
    await zk.set(root, 'x')
    expect((await zk.setAcl(root, openAcl, 1)).error).toBe('BAD_VERSION')
    expect((await zk.setAcl(root, openAcl, 0)).body.stat.aversion).toBe(1)
    expect((await zk.setAcl(root, openAcl, 1)).body.stat.aversion).toBe(2)
  })

  it('tells of the path, of the ACL, of the znode, of permission, and of the version last', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/shut`, { acl: acl(Perm.read) })
    expect((await zk.setAcl(`${root}/..`, [])).error).toBe('BAD_ARGUMENTS')
    expect((await zk.setAcl(`${root}/no`, [])).error).toBe('INVALID_ACL')
    expect((await zk.setAcl(`${root}/no`, openAcl)).error).toBe('NO_NODE')
    expect((await zk.setAcl(`${root}/shut`, openAcl, 9)).error).toBe('NO_AUTH')
    expect((await zk.setAcl(root, openAcl, 9)).error).toBe('BAD_VERSION')
  })

  it('is heard by no watch', async () => {
    const { zk, root } = await stage()
    await zk.get(root, true)
    await zk.children(root, true)
    await zk.setAcl(root, openAcl)
    expect(await zk.heard()).toEqual([])
  })
})

describe('getACL', () => {
  it('shows hashes to those who administer, and x in their place to those who read', async () => {
    const { zk, root } = await stage()
    const digest = acl(31, 'digest', digestId('ann:secret'))
    await zk.create(`${root}/a`, { acl: [...digest, ...acl(Perm.read)] })
    expect((await zk.getAcl(`${root}/a`)).body.acl).toEqual([
      ...acl(31, 'digest', 'ann:x'),
      ...acl(Perm.read),
    ])
    await zk.addAuth('digest', 'ann:secret')
    expect((await zk.getAcl(`${root}/a`)).body.acl).toEqual([...digest, ...acl(Perm.read)])
  })

  it('is refused to those who may do neither', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`, { acl: acl(Perm.write | Perm.create | Perm.delete) })
    expect((await zk.getAcl(`${root}/a`)).error).toBe('NO_AUTH')
    expect((await zk.getAcl(`${root}/no`)).error).toBe('NO_NODE')
  })

  it('of the root and of the configuration shows the server’s own', async () => {
    const zk = await peer()
    expect((await zk.getAcl('/zookeeper/config')).body.acl).toEqual(acl(Perm.read))
    expect((await zk.getAcl('/zookeeper/quota')).body.acl).toEqual(openAcl)
  })
})

if (servers.saslUser !== undefined) {
  const { saslUser } = servers
  it('a sasl entry is taken where the servers know SASL', async () => {
    const zk = await peer()
    const root = await area(zk)
    expect((await zk.create(`${root}/a`, { acl: acl(31, 'sasl', saslUser.username) })).error).toBe('OK')
    expect((await zk.get(`${root}/a`)).error).toBe('NO_AUTH')
    expect((await zk.create(`${root}/b`, { acl: acl(31, 'sasl', 'a/b@c') })).error).toBe('OK')
    expect((await zk.create(`${root}/c`, { acl: acl(31, 'sasl', 'a@b@c') })).error).toBe('INVALID_ACL')
  })
}
