/** Run as a user runs it. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../examples/job-queue/main.ts', import.meta.url))

test('no job is lost when a worker is killed', { timeout: 60_000 }, async () => {
  const args = ['--import', 'tsx', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 50_000 })
  expect(stdout.trim().split('\n')).toEqual([
    '30 jobs are put',
    'worker one is gone',
    '30 jobs are done, 0 are left',
  ])
})
