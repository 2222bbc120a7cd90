/** The worker processes, as the parent sees them. */
import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ActName, Deed, FromWorker, Post, ToWorker } from './messages.js'

/** What a worker did, and which one. */
export type Doing = Deed & { readonly worker: Worker }

interface FleetEvents {
  deed: [Doing]
  /** A worker is connected, or has ended its part in an act. */
  settled: [Worker]
  /** A worker ended by itself, with an error. */
  failed: [Error]
}

export class Worker {
  readonly number: number
  readonly process: ChildProcess
  session: bigint | undefined
  /** In the present act. */
  deeds = 0
  isBusy = false
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

  /** Ends it as a crash would. */
  kill(): void {
    this.killed = true
    this.process.kill('SIGKILL')
  }

  get running(): boolean {
    return !this.killed && this.process.exitCode === null && this.process.signalCode === null
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

  /** Those that have not been killed. */
  get running(): readonly Worker[] {
    return this.workers.filter((worker) => worker.running)
  }

  #hear(worker: Worker, message: FromWorker): void {
    if (message.kind === 'ready') worker.session = BigInt(`0x${message.session}`)
    else if (message.kind === 'ended') worker.isBusy = false
    else {
      worker.deeds += 1
      this.emit('deed', { ...message, worker })
      return
    }
    this.emit('settled', worker)
  }

  /** Resolves when every worker has its session. */
  async connect(post: Omit<Post, 'worker'>, signal: AbortSignal): Promise<void> {
    for (const worker of this.workers)
      worker.tell({ kind: 'connect', post: { ...post, worker: worker.number } })
    while (this.workers.some(({ session }) => session === undefined)) await once(this, 'settled', { signal })
  }

  begin(act: ActName): void {
    for (const worker of this.workers) worker.deeds = 0
    for (const worker of this.running) {
      worker.isBusy = true
      worker.tell({ kind: 'begin', act })
    }
  }

  /** Lets each finish what it does, and resolves when the act is over everywhere. */
  async end(signal: AbortSignal): Promise<void> {
    for (const worker of this.running) worker.tell({ kind: 'end' })
    while (this.running.some(({ isBusy }) => isBusy)) await once(this, 'settled', { signal })
  }

  /** The next thing that any worker does. */
  async nextDeed(signal: AbortSignal): Promise<Doing> {
    const [deed] = (await once(this, 'deed', { signal })) as [Doing]
    return deed
  }

  /** Lets those that still run close their sessions, and resolves when all processes have ended. */
  async leave(signal: AbortSignal): Promise<void> {
    const ended = this.running.map(async ({ process: child }) => once(child, 'exit', { signal }))
    for (const worker of this.running) worker.tell({ kind: 'leave' })
    await Promise.all(ended)
  }

  /** Leaves no process behind, whatever happened. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { running } = this
    const ended = running.map(async ({ process: child }) => once(child, 'exit'))
    for (const worker of running) worker.kill()
    await Promise.all(ended)
  }
}
