/** Run as a user runs it. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../examples/id-generator/main.ts', import.meta.url))

test('no number is given out twice', { timeout: 60_000 }, async () => {
  const args = ['--import', 'tsx', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 50_000 })
  expect(stdout.trim()).toBe('750 orders, 750 different numbers')
})
