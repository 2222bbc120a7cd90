/** A worker as the nemesis sees it: a process that can be stopped, killed and asked to end, and its clients' sessions. */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { deferred } from '../../src/runtime/deferred.js'
import type { Watchdog } from '../../src/testing/watchdog.js'
import type { FromWorker, SessionNews, StallPoint, WorkerOptions } from './messages.js'

export class WorkerProcess {
  readonly name: string
  readonly sessions = new Map<number, SessionNews>()
  /** Resolves when it is gone. */
  readonly ended: Promise<void>
  /** One of its clients is connected: it is at work. */
  readonly ready: Promise<void>
  grants = 0
  isPaused = false
  isGone = false
  /** It did all that it was asked for. */
  isDone = false
  readonly #child: ChildProcess

  constructor(options: WorkerOptions, watchdog: Watchdog) {
    this.name = options.name
    const program = fileURLToPath(new URL('./worker.ts', import.meta.url))
    this.#child = fork(program, [JSON.stringify(options)], { execArgv: ['--import', 'tsx'] })
    const { pid } = this.#child
    if (pid !== undefined) watchdog.keep('process', pid)
    const ready = deferred<undefined>()
    this.ready = ready.promise
    this.#child.on('message', (message: FromWorker) => {
      if ('grants' in message) this.grants = message.grants
      if ('ready' in message) ready.resolve(undefined)
      if ('session' in message) this.sessions.set(message.session.client, message.session)
      if ('done' in message) this.isDone = true
    })
    this.#child.on('error', () => undefined)
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        this.isGone = true
        ready.resolve(undefined)
        if (pid !== undefined) watchdog.forget('process', pid)
        resolve()
      })
    })
  }

  pause(): void {
    this.isPaused = true
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.isPaused = false
    this.#child.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  stall(at: StallPoint, ms: number): void {
    if (this.#child.connected) this.#child.send({ stall: at, ms })
  }

  stop(): void {
    if (this.#child.connected) this.#child.send({ stop: true })
  }
}
