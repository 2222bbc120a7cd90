import { fileURLToPath } from 'node:url'
import { connect } from 'latchkey'
import { TestServer } from 'latchkey/testing'
import { expect, test } from 'vitest'
import { PeerProcess } from '../../bench/peer-process.js'

const bench = (path: string): string => fileURLToPath(new URL(`../../bench/${path}`, import.meta.url))

test('a worker does what it is asked, line by line, and says what fails', async () => {
  await using server = await TestServer.start()
  await using zk = await connect(server.connectString)
  await zk.create('/bench')
  await zk.create('/bench/node', Buffer.from('x'))
  const launch = {
    command: process.execPath,
    args: ['--import', 'tsx', bench('worker.ts'), bench('subjects/lean-probe.ts')],
    version: '-',
  }
  await using worker = await PeerProcess.start(launch, server.connectString, '/bench')
  for (const workload of ['get', 'mix-50', 'create-delete', 'mutex', 'watch', 'delete-event', 'watch-all']) {
    const measured = await worker.run(workload, 20, 4, `round-${workload}`)
    expect(measured.operations).toBe(20)
    expect(measured.p99Us).toBeGreaterThanOrEqual(measured.p50Us)
    expect(measured.p50Us).toBeGreaterThan(0)
  }
  // Of those of `watch` and `watch-all` nothing is taken away; a pair leaves nothing.
  expect((await zk.children('/bench')).children.filter((name) => name.includes('create-delete'))).toEqual([])
  await expect(worker.run('nothing', 1, 1, 'round')).rejects.toThrow('no workload nothing')
  await expect(worker.run('semaphore', 1, 1, 'round')).rejects.toThrow('knows no semaphore')
})
