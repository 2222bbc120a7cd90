/** Curator's revocation and ours: its Revoker asks our hold, and our `revoke` asks its revocable mutex. */
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { connect, Mutex, ReadWriteLock, type Hold } from '../../src/index.js'
import { servers } from '../support/ensemble.js'
import { curatorPeers } from './curator-peers.js'
import { Peer } from './peer.js'

const java = curatorPeers()

it(
  'Curator’s holder is told by our revoke and releases; our waiter is let in',
  { timeout: 60_000 },
  async () => {
    const path = `/revocation-${randomUUID()}`
    await using zk = await connect(servers.connectString)
    await using peer = new Peer('curator', [...java, 'Revocation', servers.connectString, 'hold', path])
    await peer.ready
    const lock = new Mutex(zk, path)
    await zk.ensurePath(path, { mode: 'container' })
    peer.go()
    let holder = (await lock.contenders())[0]
    while (holder === undefined) holder = (await lock.contenders())[0]
    const waiting = lock.acquire()
    // Curator begins to listen some time after its znode is there, and is told only of what comes then.
    let outcome = await lock.revoke(holder)
    expect(outcome).toBe('asked')
    while (outcome === 'asked') outcome = await lock.revoke(holder)
    await (await waiting).release()
    const lines = await peer.done
    expect(lines.map(({ event }) => event)).toEqual(['ready', 'held', 'released', 'done'])
    expect(lines[2]).toMatchObject({ asked: true })
  },
)

it.each(['mutex', 'downgraded write lock'])(
  'Curator’s Revoker tells our %s',
  { timeout: 60_000 },
  async (kind) => {
    const path = `/revocation-${randomUUID()}`
    await using zk = await connect(servers.connectString)
    const acquire = async (): Promise<Hold> =>
      kind === 'mutex'
        ? new Mutex(zk, path).acquire()
        : (await new ReadWriteLock(zk, path).writeLock.acquire()).downgrade()
    const hold = await acquire()
    const asked = new Promise<void>((resolve) => hold.onRevokeRequested(resolve))
    await using peer = new Peer('curator', [...java, 'Revocation', servers.connectString, 'ask', hold.path])
    await peer.ready
    peer.go()
    await asked
    await peer.done
    expect(hold.signal.aborted).toBe(false)
    await hold.confirm()
    await hold.release()
  },
)
