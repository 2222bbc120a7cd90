/**
 * Where a conformance test plays: sessions on the run's servers, clients, and a subtree of its own. All of it is taken
 * away when the test, or the file, is over.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, onTestFinished } from 'vitest'
import type { Client, ConnectOptions } from 'latchkey'
import { connect } from 'latchkey'
import { servers } from '../support/ensemble.js'
import type { RawConnectOptions } from '../support/raw-client.js'
import { RawClient } from '../support/raw-client.js'
import { Peer } from './peer.js'

const top = `/conformance-${randomUUID()}`
let areas = 0

/** The run's server of that number, counted from 0; with fewer servers it is another's number too. */
export function member(index = 0): { readonly host: string; readonly port: number } {
  const found = servers.members[index % servers.members.length]
  if (found === undefined) throw new Error('this run has no servers')
  return found
}

/** A session on the bare protocol, closed when the test is over. */
export async function peer(options: Partial<RawConnectOptions> & { server?: number } = {}): Promise<Peer> {
  const { server = 0, ...rest } = options
  const raw = await RawClient.connect({ ...member(server), ...rest })
  onTestFinished(async () => raw.closeSession())
  return new Peer(raw)
}

/** A connection that has not said anything yet. */
export function unspoken(server = 0): RawClient {
  const raw = new RawClient(member(server))
  onTestFinished(async () => raw.drop())
  return raw
}

/** A client as users have it, closed when the test is over. */
export async function client(
  options: ConnectOptions & { server?: number; chroot?: string } = {},
): Promise<Client> {
  const { server = 0, chroot = '', ...rest } = options
  const { host, port } = member(server)
  const made = await connect(`${host}:${port}${chroot}`, rest)
  onTestFinished(async () => made.close())
  return made
}

/** A fresh znode, open to all, to play below. Every server knows it: it was made through the first, and synced. */
export async function area(on: Peer): Promise<string> {
  const path = `${top}-${areas++}`
  const made = await on.create(path, { data: null })
  if (made.error !== 'OK') throw new Error(`${path}: ${made.error}`)
  return path
}

/** A session and its area. */
export async function stage(options: Partial<RawConnectOptions> = {}): Promise<{ zk: Peer; root: string }> {
  const zk = await peer(options)
  return { zk, root: await area(zk) }
}

/** Another session, on another server where there is one, that sees all that `zk` has done. */
export async function onlooker(zk: Peer, server = 1): Promise<Peer> {
  const { zxid } = await zk.sync()
  const other = await peer({ server })
  const synced = await other.sync()
  if (synced.zxid < zxid) throw new Error('the other server lags behind a sync')
  return other
}

/**
 * Repeats a measurement of what the whole server counts until nobody else wrote meanwhile: sessions that earlier tests
 * left behind may expire at any moment.
 *
 * @param act - resolves with whether its own writes were the only ones.
 */
export async function undisturbed(act: (attempt: number) => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) if (await act(attempt)) return
  throw new Error(`disturbed ${ATTEMPTS} times in a row, or it writes more than it should`)
}

const ATTEMPTS = 20

afterAll(async () => {
  const auth = servers.superUser === undefined ? [] : [{ scheme: 'digest', auth: servers.superUser }]
  const cleaner = await connect(servers.connectString, { auth })
  try {
    for (let i = 0; i < areas; i++) await cleaner.deleteRecursive(`${top}-${i}`)
  } finally {
    await cleaner.close()
  }
})
