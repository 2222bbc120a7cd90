/** The commands that probes and tools send to the client port, and what they look for in the answers. */
import { describe, expect, it } from 'vitest'
import { fourLetterWord } from '../support/raw-client.js'
import { servers } from '../support/ensemble.js'
import { member, peer, stage, undisturbed } from './stage.js'

const ask = async (word: string): Promise<string> => {
  const { host, port } = member()
  return fourLetterWord(word, port, host)
}

/** What srvr says of the tree. */
async function figures(): Promise<{ readonly zxid: bigint; readonly znodes: number }> {
  const text = await ask('srvr')
  const zxid = BigInt(/^Zxid: (0x[0-9a-f]+)$/m.exec(text)?.[1] ?? 0)
  return { zxid, znodes: Number(/^Node count: (\d+)$/m.exec(text)?.[1]) }
}

describe('four-letter words', () => {
  it('ruok is answered imok, and nothing else', async () => {
    expect(await ask('ruok')).toBe('imok')
  })

  it('isro says that writes are taken', async () => {
    expect(await ask('isro')).toBe('rw')
  })

  it('srvr tells version, zxid, mode and count of znodes', async () => {
    const text = await ask('srvr')
    expect(text).toMatch(/^Zookeeper version: \d+\.\d+\.\d+/)
    for (const line of [
      /^Latency min\/avg\/max: \d+\/[\d.]+\/\d+$/m,
      /^Received: \d+$/m,
      /^Sent: \d+$/m,
      /^Connections: \d+$/m,
      /^Outstanding: \d+$/m,
      /^Zxid: 0x[0-9a-f]+$/m,
      /^Mode: (standalone|leader|follower)$/m,
      /^Node count: \d+$/m,
    ])
      expect(text).toMatch(line)
  })

  it('srvr names the release that this run asked for, if it asked for one', async () => {
    const release = /^Zookeeper version: ([\d.]+)/.exec(await ask('srvr'))?.[1]
    expect(release).toBe(servers.version)
    const asked = process.env['LATCHKEY_ZOOKEEPER_VERSION'] ?? release ?? ''
    expect(`${release ?? ''}.`.startsWith(`${asked}.`), `${release} where ${asked} was asked for`).toBe(true)
  })

  it('srvr counts the znodes that come', async () => {
    const { zk, root } = await stage()
    await undisturbed(async (attempt) => {
      const before = await figures()
      await zk.create(`${root}/a${attempt}`)
      const after = await figures()
      if (after.zxid !== before.zxid + 1n) return false
      expect(after.znodes).toBe(before.znodes + 1)
      return true
    })
  })

  it('srvr shows the zxid of the last write', async () => {
    const { zk, root } = await stage()
    const made = await zk.create(`${root}/a`)
    const { zxid } = await figures()
    expect(zxid).toBeGreaterThanOrEqual(made.zxid)
    expect(zxid).toBeLessThan((await zk.create(`${root}/b`)).zxid)
  })

  it('stat lists the clients besides', async () => {
    await peer()
    const text = await ask('stat')
    expect(text).toMatch(/^Clients:\n( \/.*\(queued=\d+,recved=\d+,sent=\d+\)\n)+/m)
    expect(text).toMatch(/^Mode: /m)
  })

  it('mntr has the figures that tools read, one a line', async () => {
    const text = await ask('mntr')
    for (const line of text.trim().split('\n')) expect(line).toMatch(/^zk_[^\t]+\t.*$/)
    const figures = new Map(text.split('\n').map((line) => line.split('\t', 2) as [string, string]))
    for (const name of [
      'zk_version',
      'zk_server_state',
      'zk_avg_latency',
      'zk_max_latency',
      'zk_min_latency',
      'zk_packets_received',
      'zk_packets_sent',
      'zk_num_alive_connections',
      'zk_outstanding_requests',
      'zk_znode_count',
      'zk_watch_count',
      'zk_ephemerals_count',
      'zk_approximate_data_size',
    ])
      expect(figures.has(name), name).toBe(true)
    expect(figures.get('zk_server_state')).toMatch(/^(standalone|leader|follower)$/)
  })

  it('mntr counts ephemerals and watches', async () => {
    const { zk, root } = await stage()
    const figure = async (name: string): Promise<number> =>
      Number(new RegExp(`^zk_${name}\t(\\d+)`, 'm').exec(await ask('mntr'))?.[1])
    await undisturbed(async (attempt) => {
      const { zxid } = await figures()
      const [ephemerals, watches] = [await figure('ephemerals_count'), await figure('watch_count')]
      await zk.create(`${root}/e${attempt}`, { flags: 1 })
      await zk.get(root, true)
      const [more, watched] = [await figure('ephemerals_count'), await figure('watch_count')]
      await zk.set(root, 'y')
      const fired = await figure('watch_count')
      if ((await figures()).zxid !== zxid + 2n) return false
      expect([more, watched, fired]).toEqual([ephemerals + 1, watches + 1, watches])
      return true
    })
  })

  it('conf tells the settings', async () => {
    const text = await ask('conf')
    for (const line of [
      /^clientPort=\d+$/m,
      /^tickTime=500$/m,
      /^minSessionTimeout=1000$/m,
      /^maxSessionTimeout=120000$/m,
    ])
      expect(text).toMatch(line)
  })

  it('cons lists each connection with its session', async () => {
    const zk = await peer()
    expect(await ask('cons')).toContain(`sid=0x${BigInt.asUintN(64, zk.id).toString(16)}`)
  })

  it('wchs, wchp and wchc tell of watches', async () => {
    const { zk, root } = await stage()
    await zk.get(root, true)
    expect(await ask('wchs')).toMatch(/^\d+ connections watching \d+ paths\nTotal watches:\d+/)
    expect(await ask('wchp')).toContain(root)
    const id = `0x${BigInt.asUintN(64, zk.id).toString(16)}`
    expect(await ask('wchc')).toMatch(new RegExp(`^${id}$`, 'm'))
  })

  it('dump lists sessions with their ephemerals', async () => {
    const { zk, root } = await stage()
    await zk.create(`${root}/e`, { flags: 1 })
    const text = await ask('dump')
    expect(text).toMatch(/^SessionTracker dump:/m)
    expect(text).toContain(`\t${root}/e`)
    if (servers.members.length === 1) expect(text).toContain(`0x${BigInt.asUintN(64, zk.id).toString(16)}`)
  })

  it('envi begins with Environment', async () => {
    expect(await ask('envi')).toMatch(/^Environment:\nzookeeper\.version=/)
  })
})
