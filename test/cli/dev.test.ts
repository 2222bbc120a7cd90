import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as dial, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect } from 'latchkey'
import { expect, test } from 'vitest'
import { latchkey, LatchkeyProgram } from './latchkey-program.js'

/** ZooKeeper's own question whether a server is well. */
async function areYouOk(connectString: string): Promise<string> {
  const [host, port] = connectString.split(':')
  const socket = dial(Number(port), host)
  socket.write('ruok')
  return text(socket)
}

test('it prints the connect string of a server that answers', async () => {
  await using program = new LatchkeyProgram('dev', '--port', '0')
  const connectString = await program.line()
  expect(connectString).toMatch(/^127\.0\.0\.1:\d+$/)
  expect(await areYouOk(connectString)).toBe('imok')
})

test('a client can work with it', async () => {
  await using program = new LatchkeyProgram('dev', '--port', '0')
  await using zk = await connect(await program.line())
  await zk.create('/a', 'hello')
  expect((await zk.get('/a')).data.toString()).toBe('hello')
})

test('--json prints one JSON line', async () => {
  await using program = new LatchkeyProgram('dev', '--port', '0', '--json')
  const said = JSON.parse(await program.line()) as Record<string, unknown>
  expect(said).toEqual({
    connectString: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
    pid: expect.any(Number) as number,
    dataDir: null,
  })
})

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it cleanly, clients connected or not', async (signal) => {
  await using program = new LatchkeyProgram('dev', '--port', '0')
  const connectString = await program.line()
  const [host, port] = connectString.split(':')
  const socket = dial(Number(port), host)
  await once(socket, 'connect')
  const closed = once(socket, 'close')
  expect((await program.end(signal)).code).toBe(0)
  await closed
})

test('what was written with --data-dir is there after a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-dev-'))
  try {
    const args = ['dev', '--port', '0', '--data-dir', folder]
    await using first = new LatchkeyProgram(...args)
    await using before = await connect(await first.line())
    await before.create('/kept', 'still here')
    await before.close()
    await first.end('SIGTERM')

    await using second = new LatchkeyProgram(...args)
    await using after = await connect(await second.line())
    expect((await after.get('/kept')).data.toString()).toBe('still here')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a port in use is said to be', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  try {
    const { port } = other.address() as AddressInfo
    const { code, stdout, stderr } = await latchkey('dev', '--port', String(port))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(
      `latchkey: port ${port} on 127.0.0.1 is in use: choose another with --port, or --port 0 for any free one\n`,
    )
  } finally {
    other.close()
  }
})

test.each([
  [['--port', 'many'], '--port must be a whole number from 0 to 65535, got "many"'],
  [['--port', '65536'], '--port must be a whole number from 0 to 65535, got "65536"'],
  [['--port', '1.5'], '--port must be a whole number from 0 to 65535, got "1.5"'],
  [['--data-dir', ''], '--data-dir must not be empty'],
  [['--host', ''], '--host must not be empty'],
  [['--loud'], "Unknown option '--loud'"],
  [['extra'], "Unexpected argument 'extra'"],
  [['--port'], "Option '--port <value>' argument missing"],
])('wrong flags %j are explained, with the usage', async (flags, message) => {
  const { code, stdout, stderr } = await latchkey('dev', ...flags)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(`latchkey: ${message}`)
  expect(stderr).toContain('Usage: latchkey dev [options]')
})

test('--help explains the flags and starts nothing', async () => {
  const { code, stdout, stderr } = await latchkey('dev', '--help')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  for (const flag of ['--port', '--host', '--data-dir', '--json']) expect(stdout).toContain(flag)
})
