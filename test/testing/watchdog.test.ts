/** The watchdog: what a process started ends with it, even if it is killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { Watchdog } from '../../src/testing/watchdog.js'

/** Resolves when the directory is gone. */
async function removal(directory: string): Promise<void> {
  const watcher = watch(dirname(directory))
  onTestFinished(() => watcher.close())
  while (existsSync(directory)) await once(watcher, 'change')
}

it('ends processes and removes directories when it is closed, but not what it was told to forget', async () => {
  const root = mkdtempSync(join(tmpdir(), 'latchkey-watchdog-'))
  const directory = mkdtempSync(join(root, 'kept-'))
  writeFileSync(join(directory, 'file'), '')
  const [kept, forgotten] = [spawn('sleep', ['600']), spawn('sleep', ['600'])]
  onTestFinished(() => void forgotten.kill('SIGKILL'))
  const watchdog = new Watchdog()
  onTestFinished(() => watchdog.close())
  for (const child of [kept, forgotten]) watchdog.keep('process', child.pid ?? 0)
  watchdog.keep('directory', root)
  watchdog.keep('directory', directory)
  watchdog.forget('process', forgotten.pid ?? 0)
  watchdog.forget('directory', root)
  const removed = removal(directory)
  watchdog.close()
  const [, signal] = (await once(kept, 'exit')) as [number | null, string | null]
  await removed
  expect(signal).toBe('SIGKILL')
  expect(forgotten.exitCode).toBeNull()
  expect(existsSync(root)).toBe(true)
  const last = new Watchdog()
  last.keep('directory', root)
  last.close()
  await removal(root)
})

it('does so when its process is killed', async () => {
  const script = fileURLToPath(new URL('watched-process.ts', import.meta.url))
  const parent = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
  const { directory } = JSON.parse(line) as { directory: string }
  expect(existsSync(directory)).toBe(true)
  const removed = removal(directory)
  parent.kill('SIGKILL')
  await removed
})
