import { expect, test } from 'vitest'
import { connect } from 'node:net'
import { startServer } from '../../src/server/index.js'
import { RawClient, fourLetterWord, openAcl } from '../support/raw-client.js'

test('the commands say in a real server’s form what is there', async () => {
  await using server = await startServer()
  await using client = await RawClient.connect({ port: server.port })
  await client.must('create', { path: '/e', data: null, acl: openAcl, flags: 1 })
  await client.must('getData', { path: '/e', watch: true })
  const ask = (word: string) => fourLetterWord(word, server.port)
  const id = `0x${client.session.sessionId.toString(16)}`
  expect(await ask('ruok')).toBe('imok')
  expect(await ask('isro')).toBe('rw')
  const srvr = await ask('srvr')
  expect(srvr).toMatch(/^Zookeeper version: 3\.9\.\d+\S*, built on .*\nLatency min\/avg\/max: 0\/0\.0\/0\n/)
  expect(srvr).toMatch(/\nZxid: 0x2\nMode: standalone\nNode count: 6\n$/)
  expect(await ask('stat')).toMatch(/\nClients:\n \/127\.0\.0\.1:0\[1\]\(queued=0,recved=\d+,sent=\d+\)\n/)
  const mntr = await ask('mntr')
  expect(mntr).toContain('zk_server_state\tstandalone\n')
  expect(mntr).toContain('zk_watch_count\t1\n')
  expect(mntr).toContain('zk_ephemerals_count\t1\n')
  expect(await ask('conf')).toContain(`clientPort=${server.port}\n`)
  expect(await ask('cons')).toContain(`sid=${id}`)
  expect(await ask('wchs')).toBe('1 connections watching 1 paths\nTotal watches:1\n\n')
  expect(await ask('wchc')).toBe(`${id}\n\t/e\n\n`)
  expect(await ask('wchp')).toBe(`/e\n\t${id}\n\n`)
  expect(await ask('dump')).toContain(`Sessions with Ephemerals (1):\n${id}:\n\t/e\n`)
  expect(await ask('envi')).toMatch(/^Environment:\nzookeeper.version=/)
})

test('a command in pieces is still one', async () => {
  await using server = await startServer()
  const text = await new Promise<string>((resolve) => {
    let all = ''
    const socket = connect({ host: '127.0.0.1', port: server.port, noDelay: true }, () => {
      socket.write('ru')
      setImmediate(() => socket.write('ok'))
    })
    socket.on('data', (chunk: Buffer) => (all += chunk.toString()))
    socket.on('close', () => resolve(all))
  })
  expect(text).toBe('imok')
})
