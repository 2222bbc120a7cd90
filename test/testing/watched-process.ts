/** Gives a watchdog a directory and a process to keep, and waits to be killed: see `watchdog.test.ts`. */
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Watchdog } from '../../src/testing/watchdog.js'

const directory = mkdtempSync(join(tmpdir(), 'latchkey-watched-'))
const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
const watchdog = new Watchdog()
watchdog.keep('directory', directory)
watchdog.keep('process', child.pid ?? 0)
process.stdout.write(`${JSON.stringify({ directory })}\n`)
process.stdin.resume()
