/** Worker processes that run simulations side by side. */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleWorker } from './bundle.js'
import type { RunOrder, RunReport } from './worker.js'

/** Of real time, for one run: one that takes longer goes round in a circle. */
const RUN_LIMIT_MS = 10 * 60_000

export class Fleet implements AsyncDisposable {
  readonly #folder: string
  readonly #file: string
  readonly #idle: ChildProcess[] = []
  readonly #all = new Set<ChildProcess>()
  readonly #waiting: ((worker: ChildProcess) => void)[] = []

  private constructor(folder: string, file: string, size: number) {
    this.#folder = folder
    this.#file = file
    for (let i = 0; i < size; i++) this.#idle.push(this.#hire())
  }

  static async start(size: number): Promise<Fleet> {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-simulate-'))
    return new Fleet(folder, await bundleWorker(folder), size)
  }

  #hire(): ChildProcess {
    const worker = fork(this.#file, [], { execArgv: [] })
    this.#all.add(worker)
    return worker
  }

  /** Runs it in the next worker that is free. Rejects if the worker dies of it, or the run does not end. */
  async run(order: RunOrder): Promise<RunReport> {
    const worker =
      this.#idle.pop() ?? (await new Promise<ChildProcess>((resolve) => this.#waiting.push(resolve)))
    try {
      return await this.#ask(worker, order)
    } finally {
      this.#free(worker)
    }
  }

  async #ask(worker: ChildProcess, order: RunOrder): Promise<RunReport> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => worker.kill('SIGKILL'), RUN_LIMIT_MS)
      const onMessage = (report: unknown): void => {
        clearTimeout(limit)
        worker.off('exit', onExit)
        resolve(report as RunReport)
      }
      const onExit = (code: number | null): void => {
        clearTimeout(limit)
        worker.off('message', onMessage)
        this.#all.delete(worker)
        const how = code ?? `by a signal, or as it did not end within ${RUN_LIMIT_MS / 60_000} minutes`
        reject(new Error(`the worker died (${how}) of ${JSON.stringify(order)}`))
      }
      worker.once('message', onMessage).once('exit', onExit)
      worker.send(order)
    })
  }

  #free(worker: ChildProcess): void {
    const next = this.#all.has(worker) ? worker : this.#hire()
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#idle.push(next)
    else waiting(next)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exits = [...this.#all].map(async (worker) => {
      const exit = once(worker, 'exit')
      worker.disconnect()
      await exit
    })
    await Promise.all(exits)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
