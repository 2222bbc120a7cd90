/** Sessions: handshake, attaching again, moving, ending, expiring. */
import { describe, expect, it } from 'vitest'
import { connect } from 'latchkey'
import { servers } from '../support/ensemble.js'
import { ConnectionEnded, RawClient } from '../support/raw-client.js'
import { Flags } from './peer.js'
import type { Peer } from './peer.js'
import { client, member, onlooker, peer, stage, unspoken } from './stage.js'

const PASSWORD_BYTES = 16
const NO_PASSWORD = Buffer.alloc(PASSWORD_BYTES)

function passwordOf(zk: Peer): Buffer {
  return Buffer.from(zk.session.password ?? NO_PASSWORD)
}

/**
 * The session of `zk` on another connection. Its requests are numbered far from those of the old one, as any client's
 * must be: the server matches commits with what waits by session and number alone, and with a number that is used again
 * a request may be answered, or its connection ended, with what became of the old connection's (ZOOKEEPER-2684).
 */
async function attach(zk: Peer, options: { server?: number; timeoutMs?: number } = {}): Promise<Peer> {
  return peer({ sessionId: zk.id, password: passwordOf(zk), firstXid: 1_000, ...options })
}

describe('a handshake', () => {
  it('gives an id and a password of 16 bytes, new ones each time', async () => {
    const [one, two] = [await peer(), await peer()]
    expect(one.id).not.toBe(0n)
    expect(one.id).not.toBe(two.id)
    expect(passwordOf(one)).toHaveLength(PASSWORD_BYTES)
    expect(passwordOf(one).equals(passwordOf(two))).toBe(false)
    expect(one.session).toMatchObject({ protocolVersion: 0, readOnly: false })
  })

  // The run's servers have a tick of 500 ms, and say so: two ticks at least, two minutes at most.
  it.each([
    [1, 1_000],
    [0, 1_000],
    [-5, 1_000],
    [1_000, 1_000],
    [4_321, 4_321],
    [120_000, 120_000],
    [0x7fffffff, 120_000],
  ])('that asks for %i ms gets %i', async (timeoutMs, granted) => {
    expect((await peer({ timeoutMs })).session.timeoutMs).toBe(granted)
  })

  it('without the byte for read-only, as old clients send it, is answered without', async () => {
    const zk = await peer({ readOnly: undefined })
    expect((await zk.sync()).error).toBe('OK')
  })

  it('that accepts read-only gets a read-write session all the same', async () => {
    const zk = await peer({ readOnly: true })
    expect(zk.session.readOnly).toBe(false)
  })

  it('takes a password of any length for a new session', async () => {
    for (const password of [Buffer.alloc(0), Buffer.alloc(40, 1)])
      expect(passwordOf(await peer({ password }))).toHaveLength(PASSWORD_BYTES)
  })

  it('of a client that has seen more than the server has is closed without an answer', async () => {
    const raw = unspoken()
    expect(await raw.handshake({ lastZxidSeen: 0x7fff_ffff_ffff_ffffn })).toBeUndefined()
  })

  it('of a client that has seen what the server has is answered', async () => {
    const { zxid } = await (await peer()).sync()
    expect((await peer({ lastZxidSeen: zxid })).id).not.toBe(0n)
  })

  it('makes a session with a zxid of its own, and its end takes another', async () => {
    const zk = await peer()
    const { zxid } = await zk.sync()
    const other = await peer()
    await zk.sync()
    const between = (await zk.sync()).zxid
    expect(between).toBeGreaterThan(zxid)
    await other.raw.closeSession()
    await zk.sync()
    expect((await zk.sync()).zxid).toBeGreaterThan(between)
  })
})

describe('a session', () => {
  it('goes on with its id and password on another connection, with its ephemerals', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/e`, { flags: Flags.ephemeral })
    await zk.raw.drop()
    const again = await attach(zk, { server: 1 })
    expect(again.session).toMatchObject({ sessionId: zk.id, timeoutMs: zk.session.timeoutMs })
    expect(passwordOf(again)).toEqual(passwordOf(zk))
    await again.sync()
    expect((await again.stat(`${root}/e`)).ephemeralOwner).toBe(zk.id)
  })

  it('may be given another timeout when it is attached again', async () => {
    const zk = await peer({ timeoutMs: 5_000 })
    const again = await attach(zk, { timeoutMs: 9_000 })
    expect(again.session.timeoutMs).toBe(9_000)
  })

  it.each([
    ['another password', Buffer.alloc(PASSWORD_BYTES, 7)],
    ['an empty password', Buffer.alloc(0)],
    ['no password at all', NO_PASSWORD],
    ['a password too long', Buffer.alloc(17, 1)],
  ])(
    'is refused with %s: that ends the connection that it was on, but not the session',
    async (_what, password) => {
      const { zk, root } = await stage()
      await zk.create(`${root}/e`, { flags: Flags.ephemeral })
      const raw = unspoken()
      const refused = await raw.handshake({ sessionId: zk.id, password })
      expect(refused).toMatchObject({ timeoutMs: 0, sessionId: 0n })
      expect(Buffer.from(refused?.password ?? [])).toEqual(NO_PASSWORD)
      await raw.closed
      await zk.raw.closed
      const again = await attach(zk)
      expect((await again.exists(`${root}/e`)).error).toBe('OK')
    },
  )

  it('that never was is answered as one that has expired', async () => {
    const raw = unspoken()
    const refused = await raw.handshake({ sessionId: 0x1234_5678n, password: NO_PASSWORD })
    expect(refused).toMatchObject({ timeoutMs: 0, sessionId: 0n })
    await raw.closed
  })

  it('that was closed is gone', async () => {
    const zk = await peer()
    await zk.raw.closeSession()
    const raw = unspoken()
    const refused = await raw.handshake({ sessionId: zk.id, password: passwordOf(zk) })
    expect(refused).toMatchObject({ timeoutMs: 0, sessionId: 0n })
  })

  it('answers its closing, then ends the connection, and takes nothing that came behind', async () => {
    const { zk, root } = await stage()
    const owner = await peer()
    const closing = owner.ask('closeSession', undefined)
    const behind = owner.create(`${root}/late`)
    expect((await closing).error).toBe('OK')
    await owner.raw.closed
    // A member of an ensemble may answer it before it ends the connection, but only that the session is over.
    const answer = await behind.then(
      ({ error }) => error,
      (error: unknown) => error,
    )
    if (answer !== 'SESSION_EXPIRED') expect(answer).toBeInstanceOf(ConnectionEnded)
    await zk.sync()
    expect((await zk.exists(`${root}/late`)).error).toBe('NO_NODE')
  })

  it('answers what came before its closing', async () => {
    const { zk, root } = await stage()
    const owner = await peer()
    const made = owner.create(`${root}/early`)
    const closing = owner.ask('closeSession', undefined)
    expect([(await made).error, (await closing).error]).toEqual(['OK', 'OK'])
    await zk.sync()
    expect((await zk.exists(`${root}/early`)).error).toBe('OK')
  })

  it('is heard of when it ends: its ephemerals are deleted', async () => {
    const { zk, root } = await stage()
    const owner = await peer()
    await owner.create(`${root}/e`, { flags: Flags.ephemeral })
    await zk.sync()
    await zk.exists(`${root}/e`, true)
    await owner.raw.closeSession()
    expect((await zk.raw.eventsUpTo(1))[0]).toMatchObject({ type: 2, path: `${root}/e` })
  })
})

describe('a session that moves', () => {
  it('to another connection of the same server ends the old one', async () => {
    const zk = await peer()
    const again = await attach(zk)
    await zk.raw.closed
    expect((await again.sync()).error).toBe('OK')
  })

  it('to another server is refused writes on the old connection', async () => {
    const { zk, root } = await stage()
    const again = await attach(zk, { server: 1 })
    await again.sync()
    // The same server closes the old connection; another one hears of it only when the old one writes, and then it
    // closes too, without an answer (FinalRequestProcessor, ZOOKEEPER-710).
    await expect(zk.create(`${root}/late`)).rejects.toThrow(ConnectionEnded)
    expect((await again.create(`${root}/a`)).error).toBe('OK')
    await again.sync()
    expect((await again.exists(`${root}/late`)).error).toBe('NO_NODE')
  })

  it('keeps what was asked before on the old connection', async () => {
    const { zk, root } = await stage()
    const made = zk.create(`${root}/a`).catch(() => undefined)
    await zk.sync()
    const again = await attach(zk, { server: 1 })
    await made
    await again.sync()
    expect((await again.exists(`${root}/a`)).error).toBe('OK')
  })
})

describe('expiry', () => {
  it('comes when nothing is heard for the timeout: ephemerals go, watches fire, the session is gone', async () => {
    const { zk, root } = await stage()
    const owner = await peer({ timeoutMs: 1_000 })
    await owner.create(`${root}/e`, { flags: Flags.ephemeral })
    await zk.sync()
    await zk.exists(`${root}/e`, true)
    await zk.children(root, true)
    const { id } = owner
    const password = passwordOf(owner)
    await owner.raw.drop()
    const events = await zk.raw.eventsUpTo(2)
    expect(events.map(({ type, path }) => [type, path])).toEqual([
      [2, `${root}/e`],
      [4, root],
    ])
    const raw = unspoken()
    expect(await raw.handshake({ sessionId: id, password })).toMatchObject({ timeoutMs: 0, sessionId: 0n })
  })

  it('ends the connection of a client that stays silent', async () => {
    const zk = await peer({ timeoutMs: 1_000 })
    await zk.raw.closed
    expect(zk.events).toEqual([])
  })

  it('does not come while pings do', async () => {
    const { zk, root } = await stage()
    // Longer than this process, or a server, may be held up on a busy machine.
    const [kept, silent] = [await peer({ timeoutMs: 4_000 }), await peer({ timeoutMs: 4_000 })]
    await kept.create(`${root}/kept`, { flags: Flags.ephemeral })
    await silent.create(`${root}/silent`, { flags: Flags.ephemeral })
    await zk.sync()
    await zk.exists(`${root}/silent`, true)
    // One ping an answer: as busy as can be, until the other session is over.
    while (zk.events.length === 0) {
      expect((await kept.ask('ping', undefined)).xid).toBe(-2)
      await zk.ask('ping', undefined)
    }
    expect((await zk.exists(`${root}/kept`)).error).toBe('OK')
    expect(kept.raw.isClosed).toBe(false)
  })
})

describe('the client', () => {
  it('takes a session over by id and password, with its ephemerals', async () => {
    const { zk, root } = await stage()
    const first = await client()
    await first.create(`${root}/e`, null, { mode: 'ephemeral' })
    const session = first.exportSession()
    await first.close({ keepSession: true })
    const second = await client({ ...(session === undefined ? {} : { session }), server: 1 })
    expect(second.session?.id).toBe(session?.id)
    await zk.sync()
    expect((await zk.stat(`${root}/e`)).ephemeralOwner).toBe(session?.id)
    await second.close()
    await zk.sync()
    expect((await zk.exists(`${root}/e`)).error).toBe('NO_NODE')
  })

  it('says that a session is over which it should take over', async () => {
    const { host, port } = member()
    const session = { id: 0x1234_5678n, password: Buffer.alloc(PASSWORD_BYTES, 1) }
    await expect(connect(`${host}:${port}`, { session })).rejects.toMatchObject({ code: 'SESSION_EXPIRED' })
  })

  it('that another one closed the session of tells every watch `lost`, and opens a new session', async () => {
    const { root } = await stage()
    const user = await client()
    const events: string[] = []
    await user.sync(root)
    await user.get(root, { watch: ({ type }) => events.push(type) })
    const lost = new Promise<void>((resolve) => {
      const stop = user.on('state', (state) => {
        if (state !== 'lost') return
        stop()
        resolve()
      })
    })
    const before = user.session
    const session = user.exportSession()
    if (session === undefined || before === undefined) throw new Error('no session')
    const thief = await peer({ sessionId: session.id, password: session.password })
    await thief.raw.closeSession()
    await lost
    expect(events).toEqual(['lost'])
    expect(before.signal.aborted).toBe(true)
    const after = await user.ready()
    expect(after.id).not.toBe(before.id)
    expect(after.generation).toBe(before.generation + 1)
  })

  it('finds a server that works among some that do not', async () => {
    const { host, port } = member()
    const user = await connect(`127.0.0.1:1,${host}:${port}`)
    expect(user.state).toBe('connected')
    await user.close()
  })
})

if (servers.members.length > 1) {
  it('what one session wrote another sees on each server after a sync', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/a`)
    for (let server = 0; server < servers.members.length; server++)
      expect((await (await onlooker(zk, server)).exists(`${root}/a`)).error).toBe('OK')
  })
}

it('a connection that ends before its handshake leaves nothing behind', async () => {
  const raw = new RawClient(member())
  await raw.drop()
  expect((await (await peer()).sync()).error).toBe('OK')
})
