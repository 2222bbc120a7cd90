/** The `latchkey` program as a child process: what it prints, line by line, and how it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Ending {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class LatchkeyProgram implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>
  #stdout = ''
  #stderr = ''
  readonly #ended: Promise<unknown>

  constructor(...args: string[]) {
    const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    this.#process = child
    this.#ended = once(child, 'close')
  }

  /** The next line of standard output; fails with all of standard error if there is none. */
  async line(): Promise<string> {
    const next = await this.#lines.next()
    if (next.done === true) throw new Error(`it ended: ${this.#stderr}`)
    return next.value
  }

  async end(signal?: NodeJS.Signals): Promise<Ending> {
    if (signal !== undefined) this.#process.kill(signal)
    await this.#ended
    return { code: this.#process.exitCode, stdout: this.#stdout, stderr: this.#stderr }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
  }
}

/** Runs it to its own end. */
export async function latchkey(...args: string[]): Promise<Ending> {
  await using program = new LatchkeyProgram(...args)
  return await program.end()
}
