/**
 * One server of an ensemble, to be disturbed by a test. Ask one thing of it at a time.
 */
import { systemClock } from '../runtime/clock.js'
import { sleep } from '../runtime/abort.js'
import { environmentError, reasonOf } from './environment-error.js'
import type { ServerRole } from './four-letter-word.js'
import { fourLetterWord, roleIn } from './four-letter-word.js'
import type { MemberProcess } from './member-process.js'

export type MemberState = 'running' | 'paused' | 'stopped'

const POLL_MS = 25

export class EnsembleMember {
  /** 1 for the first: ZooKeeper's `myid`. */
  readonly id: number
  readonly host: string
  readonly clientPort: number
  /** For a client that shall use this server only. */
  readonly connectString: string
  /** The same over TLS; undefined unless the ensemble was started with `tls`. */
  readonly secureConnectString: string | undefined
  readonly #process: MemberProcess
  #state: MemberState

  constructor(id: number, process: MemberProcess, initial: MemberState = 'stopped') {
    this.id = id
    this.host = process.host
    this.clientPort = process.clientPort
    const host = this.host.includes(':') ? `[${this.host}]` : this.host
    this.connectString = `${host}:${this.clientPort}`
    this.secureConnectString = process.securePort === undefined ? undefined : `${host}:${process.securePort}`
    this.#process = process
    this.#state = initial
  }

  /** As far as this object caused it. */
  get state(): MemberState {
    return this.#state
  }

  /** Ends the server in an orderly way (SIGTERM). Its data stays. Nothing happens to one that is stopped. */
  async stop(): Promise<void> {
    await this.#end('stop')
  }

  /** Ends the server at once (SIGKILL), as a crash would. Its data stays. */
  async kill(): Promise<void> {
    await this.#end('kill')
  }

  /** Freezes the server (SIGSTOP): connections stay open, nothing is answered. */
  async pause(): Promise<void> {
    this.#demand('running', 'pause')
    await this.#process.pause()
    this.#state = 'paused'
  }

  /** Lets a paused server go on. */
  async resume(): Promise<void> {
    this.#demand('paused', 'resume')
    await this.#process.resume()
    this.#state = 'running'
  }

  /**
   * Starts the server on its ports and data, after stopping it if it runs. Resolves when it answers, which may be
   * before it takes writes: `ensemble.waitForQuorum()` waits for that.
   *
   * @param options.timeoutMs - how long it may take until it answers. Default 30,000.
   */
  async restart(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#state !== 'stopped') await this.stop()
    await this.#process.start()
    this.#state = 'running'
    await this.#answering(systemClock.now() + (options.timeoutMs ?? 30_000))
  }

  /** What the server says it is; undefined when it can't be reached or looks for a leader. It may say so late. */
  async role(): Promise<ServerRole | undefined> {
    try {
      return roleIn(await fourLetterWord(this.host, this.clientPort, 'srvr', 1_000))
    } catch {
      return undefined
    }
  }

  /** Sends a four-letter word, such as `mntr` or `wchs`, and returns the answer. */
  async ask(word: string): Promise<string> {
    return fourLetterWord(this.host, this.clientPort, word)
  }

  /** The end of the server's log, for messages. */
  async logTail(): Promise<string> {
    return this.#process.logTail().catch((error: unknown) => `(no log: ${reasonOf(error)})`)
  }

  /** Throws, with the end of its log, if the server has ended by itself. */
  async throwIfExited(): Promise<void> {
    const exit = this.#state === 'running' ? await this.#process.exit() : undefined
    if (exit === undefined) return
    throw environmentError(`server ${this.id} ended by itself (${exit}):\n${await this.logTail()}`)
  }

  async #answering(deadline: number): Promise<void> {
    for (;;) {
      await this.throwIfExited()
      try {
        const left = Math.max(1, Math.min(2_000, deadline - systemClock.now()))
        if ((await fourLetterWord(this.host, this.clientPort, 'ruok', left)) === 'imok') return
      } catch (error) {
        if (systemClock.now() < deadline) {
          await sleep(systemClock, POLL_MS)
          continue
        }
        const said = `server ${this.id} does not answer (${reasonOf(error)}):\n${await this.logTail()}`
        throw environmentError(said, error)
      }
    }
  }

  async #end(how: 'stop' | 'kill'): Promise<void> {
    const before = this.#state
    // Said first, so that nobody who looks meanwhile takes it for a crash.
    this.#state = 'stopped'
    try {
      await this.#process.end(how)
    } catch (error) {
      this.#state = before
      throw error
    }
  }

  #demand(state: MemberState, what: string): void {
    if (this.#state === state) return
    throw environmentError(`can't ${what} server ${this.id}: it is ${this.#state}, not ${state}`)
  }
}
