/** The example of a cron job that moves: run as a user runs it. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../examples/leader-cron/main.ts', import.meta.url))

test(
  'the job of a killed leader goes on in another process, each due time at most once',
  { timeout: 60_000 },
  async () => {
    const args = ['--import', 'tsx', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 50_000 })
    const lines = stdout.trimEnd().split('\n')
    expect(lines.at(-1)).toBe('each due time ran at most once')
    const killedAt = lines.findIndex((line) => line.endsWith('is killed'))
    const [victim] = lines[killedAt]!.split(' ')
    const ran = lines.filter((line) => / {2}ran the job of \d\d:\d\d:\d\d$/.test(line))
    expect(ran.length).toBeGreaterThanOrEqual(4)
    expect(lines.slice(killedAt + 1).some((line) => line.startsWith(`${victim} `))).toBe(false)
  },
)
