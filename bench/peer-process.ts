/** A subject's process as the bench sees it: one line asks, one line answers. Ends with the bench, whatever happens. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { repository } from './paths.js'
import type { Launch } from './subjects/subject.js'
import type { Measured } from './workloads.js'

const READY_MS = 60_000
const ANSWER_MS = 120_000

export class PeerProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>

  private constructor(launch: Launch, connectString: string, root: string) {
    this.#child = spawn(launch.command, [...launch.args, connectString, root], {
      cwd: repository,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.once('error', () => undefined)
    // An end of the process shows as the end of its output.
    this.#child.stdin.on('error', () => undefined)
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  static async start(launch: Launch, connectString: string, root: string): Promise<PeerProcess> {
    const peer = new PeerProcess(launch, connectString, root)
    try {
      await peer.#answer(READY_MS)
      return peer
    } catch (error) {
      await peer[Symbol.asyncDispose]()
      throw error
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** At once, by SIGKILL. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** `name` is of this round, the same for all processes that share it. */
  async run(workload: string, operations: number, inFlight: number, name: string): Promise<Measured> {
    return (await this.ask(`${workload} ${operations} ${inFlight} ${name}`)) as unknown as Measured
  }

  async ask(line: string): Promise<Record<string, unknown>> {
    this.tell(line)
    return this.next()
  }

  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`)
  }

  /** The next line that it says by itself. */
  async next(): Promise<Record<string, unknown>> {
    return this.#answer(ANSWER_MS)
  }

  async #answer(limitMs: number): Promise<Record<string, unknown>> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), limitMs)
    try {
      const line = await this.#answerLine()
      if (line === undefined) throw new Error(`its process ended, or said nothing for ${limitMs / 1000} s`)
      const answer = JSON.parse(line) as Record<string, unknown>
      if (typeof answer['error'] === 'string') throw new Error(answer['error'])
      return answer
    } finally {
      clearTimeout(timer)
    }
  }

  /** Undefined at the end. What a library of the subject prints (npm zookeeper does, of connections that are lost) is passed on. */
  async #answerLine(): Promise<string | undefined> {
    for (;;) {
      const { value, done } = (await this.#lines.next()) as IteratorResult<string, undefined>
      if (done === true) return undefined
      if (value.startsWith('{')) return value
      process.stderr.write(`${value}\n`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#child
    if (exitCode !== null || signalCode !== null || this.#child.pid === undefined) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000)
      this.#child.once('exit', () => {
        clearTimeout(timer)
        resolve()
      })
      this.#child.stdin.end()
    })
  }
}
