/** The worker processes, as the parent sees them. */
import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Assignment, FromWorker, ToWorker } from './messages.js'

export interface Grant {
  readonly worker: Worker
  readonly fence: bigint
  readonly atUs: number
}

interface FleetEvents {
  granted: [Grant]
  /** A worker ended by itself, with an error. */
  failed: [Error]
}

export class Worker {
  readonly number: number
  readonly process: ChildProcess
  session = 0n
  acquisitions = 0
  killed = false

  constructor(number: number) {
    this.number = number
    this.process = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  tell(message: ToWorker): void {
    if (this.process.connected) this.process.send(message)
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null
  }
}

export class Fleet extends EventEmitter<FleetEvents> implements AsyncDisposable {
  readonly workers: readonly Worker[]

  constructor(size: number) {
    super()
    this.workers = Array.from({ length: size }, (_, index) => new Worker(index + 1))
    for (const worker of this.workers) {
      worker.process.on('message', (message: FromWorker) => this.#hear(worker, message))
      worker.process.once('exit', (code, signal) => {
        if (code !== 0 && !worker.killed)
          this.emit(
            'failed',
            new Error(`worker ${worker.number} ended with ${signal ?? `exit code ${code}`}`),
          )
      })
    }
  }

  #hear(worker: Worker, message: FromWorker): void {
    if (message.kind === 'ready') {
      worker.session = BigInt(`0x${message.session}`)
      return
    }
    worker.acquisitions += 1
    this.emit('granted', { worker, fence: BigInt(message.fence), atUs: message.atUs })
  }

  /** Resolves when every worker has had the lock once. */
  async begin(assignment: Omit<Assignment, 'worker'>, signal: AbortSignal): Promise<void> {
    for (const worker of this.workers)
      worker.tell({ kind: 'begin', assignment: { ...assignment, worker: worker.number } })
    while (this.workers.some((worker) => worker.acquisitions === 0)) await once(this, 'granted', { signal })
  }

  /** Lets each finish its turn, and resolves when all have ended. */
  async stop(signal: AbortSignal): Promise<void> {
    const running = this.workers.filter((worker) => worker.running)
    const ended = running.map(async (worker) => once(worker.process, 'exit', { signal }))
    for (const worker of running) worker.tell({ kind: 'stop' })
    await Promise.all(ended)
  }

  /** Leaves no process behind, whatever happened. */
  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.workers.filter((worker) => worker.running)
    const ended = running.map(async (worker) => once(worker.process, 'exit'))
    for (const worker of running) {
      worker.killed = true
      worker.process.kill('SIGKILL')
    }
    await Promise.all(ended)
  }
}
