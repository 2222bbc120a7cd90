/** The example that the guides refer to: run as a user runs it, and its store by itself. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { FencedStore } from '../../examples/fenced-store/store.js'

const program = fileURLToPath(new URL('../../examples/fenced-store/main.ts', import.meta.url))

test('a stopped holder’s late write is refused', { timeout: 60_000 }, async () => {
  const args = ['--import', 'tsx', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 50_000 })
  expect(stdout.split('\n').map((line) => line.replaceAll(/\d{4,}|token \d+/g, '#'))).toEqual([
    'first   holds the lock, #; it is stopped',
    'second  holds the lock, #; its write: 204',
    expect.stringMatching(/^first {3}wakes up and writes: 409 \(# is older than \d+\); its signal: session-/),
    'store   has the report "by the second"',
    'the late write was refused',
    '',
  ])
})

test('the store takes rising and equal tokens, refuses lower ones, and asks for one', async () => {
  await using store = await FencedStore.start()
  const put = async (fence: string | undefined, body: string): Promise<number> => {
    const headers = fence === undefined ? {} : { 'x-fence': fence }
    return (await fetch(`${store.url}/a`, { method: 'PUT', headers, body })).status
  }
  expect((await fetch(`${store.url}/a`)).status).toBe(404)
  expect(await put('7', 'seven')).toBe(204)
  expect(await put('7', 'seven again')).toBe(204)
  expect(await put('6', 'six')).toBe(409)
  expect(await put(undefined, 'none')).toBe(400)
  expect(await put('18446744073709551617', 'beyond 64 bits')).toBe(204)
  const got = await fetch(`${store.url}/a`)
  expect([got.status, await got.text()]).toEqual([200, 'beyond 64 bits'])
  expect((await fetch(`${store.url}/b`)).status).toBe(404)
})
