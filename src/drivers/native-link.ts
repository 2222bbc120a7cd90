/**
 * The way to a client of the npm package `zookeeper`, over its sessions: the state that others see, and the calls on
 * their way. A call waits here, not in the package, until there is a connection, and goes out in the order it was made:
 * what the package accepts while disconnected it may send on a later session.
 */
import {
  AuthFailedError,
  ClosedError,
  ConnectionLossError,
  SessionExpiredError,
  TimeoutError,
  type ZkError,
} from '../api/errors.js'
import type { CallOptions, Logger, Session, SessionState } from '../api/zk.js'
import { StateFeed, type StateSource } from '../client/state-feed.js'
import { errorOfResult, ResultCode } from '../protocol/result-codes.js'
import { Deadline, onAbort } from '../runtime/abort.js'
import type { Runtime } from '../runtime/runtime.js'
import { NativeSession, type Ending } from './native-session.js'
import { NativeWatches } from './native-watches.js'
import { isAnswer, type ZooKeeperClient } from './zookeeper-package.js'

export interface LinkParts {
  readonly client: ZooKeeperClient
  /** Makes the next client after the end of a session; without it the driver ends with its session. */
  readonly recreate: (() => ZooKeeperClient) | undefined
  readonly runtime: Runtime
  readonly logger: Logger
}

/** One request on its way to the package. `send` gives the package's own code, which is not 0 if it refuses at once. */
export interface Request<T> {
  readonly what: string
  readonly path: string
  readonly options: CallOptions
  readonly send: (client: ZooKeeperClient, done: Done<T>) => number
}
export type Done<T> = (code: number, value: () => T) => void

export class NativeLink implements StateSource {
  readonly feed: StateFeed
  readonly watches: NativeWatches
  readonly #recreate: (() => ZooKeeperClient) | undefined
  readonly #runtime: Runtime
  /** Calls made while there was no connection, oldest first. */
  readonly #waiting = new Set<() => void>()
  /** What to tell the calls whose replies are awaited, should the session end. */
  readonly #pending = new Set<(error: ZkError) => void>()
  #native: NativeSession
  #state: SessionState = 'connecting'
  #closedWith: ZkError | undefined

  constructor({ client, recreate, runtime, logger }: LinkParts) {
    this.#runtime = runtime
    this.#recreate = recreate
    this.watches = new NativeWatches(logger)
    this.feed = new StateFeed(runtime.clock, logger)
    this.feed.attach(this)
    this.#native = this.#follow(client, 1)
    if (this.#native.isConnected) this.#state = 'connected'
  }

  get state(): SessionState {
    return this.#state
  }

  get session(): Session | undefined {
    return this.#native.isOver ? undefined : this.#native.handle
  }

  /** Why nothing more can be done; undefined while something can. */
  get closedWith(): ZkError | undefined {
    return this.#closedWith
  }

  /** The package does not say why it can't connect. */
  get lastFailure(): unknown {
    return undefined
  }

  /** Of the session of now, though it be suspended; undefined before the first. */
  get generation(): number | undefined {
    return this.#native.handle?.generation
  }

  close(): void {
    if (this.#state !== 'closed') this.#native.end('closed')
  }

  #follow(client: ZooKeeperClient, generation: number): NativeSession {
    return new NativeSession(client, generation, this.#runtime.clock, {
      onConnected: () => this.#connected(),
      onSuspended: () => this.#become('suspended'),
      onEnd: (ending) => this.#ended(ending),
    })
  }

  #connected(): void {
    this.#become('connected')
    for (const send of [...this.#waiting]) send()
  }

  #become(state: SessionState): void {
    this.#state = state
    this.feed.publish(state, this.session)
  }

  #ended(ending: Ending): void {
    const { client, handle } = this.#native
    const recreate = ending === 'closed' || ending === 'auth-failed' ? undefined : this.#recreate
    const error = endOf(ending)
    for (const reject of [...this.#pending])
      reject(new ConnectionLossError(`the session ended: ${error.message}`, { cause: error }))
    this.watches.loseAll()
    if (recreate === undefined) this.#closedWith = error
    this.#become(recreate === undefined ? 'closed' : 'lost')
    for (const send of [...this.#waiting]) send()
    client.close()
    if (recreate === undefined) return
    this.#native = this.#follow(recreate(), (handle?.generation ?? 0) + 1)
    this.#become(this.#native.isConnected ? 'connected' : 'connecting')
  }

  async request<T>(request: Request<T>): Promise<T> {
    const { what, path, options } = request
    let sent = false
    const late = (): TimeoutError =>
      new TimeoutError(`${what} ${path}: no answer within ${options.timeoutMs} ms`, {
        path,
        outcome: sent ? 'unknown' : 'rejected',
      })
    using deadline = new Deadline(this.#runtime.clock, options, late)
    deadline.throwIfOver()
    return await new Promise<T>((resolve, reject) => {
      const settle = (): void => {
        unlisten()
        this.#waiting.delete(send)
        this.#pending.delete(fail)
      }
      const fail = (error: unknown): void => {
        settle()
        reject(error) // eslint-disable-line @typescript-eslint/prefer-promise-reject-errors -- an abort reason is the caller's own value
      }
      const send = (): void => {
        try {
          if (!this.#maySend(what, path, options)) return void this.#waiting.add(send)
          this.#waiting.delete(send)
          this.#pending.add(fail)
          sent = true
          this.#send(request, (value) => (settle(), resolve(value)), fail)
        } catch (error) {
          fail(error)
        }
      }
      const unlisten = onAbort(deadline.signal, (reason) => fail(reason))
      send()
    })
  }

  /** False while there is no connection. Throws if there will never be one that this call could go out on. */
  #maySend(what: string, path: string, { generation }: CallOptions): boolean {
    this.#native.check()
    if (this.#closedWith !== undefined) throw this.#closedWith
    const { handle } = this.#native
    const isPast = generation !== undefined && handle !== undefined && generation !== handle.generation
    if (isPast || (generation !== undefined && this.#native.isOver))
      throw new SessionExpiredError(`${what} ${path}: the session that it was meant for is over`, { path })
    return this.#native.isConnected
  }

  #send<T>(request: Request<T>, resolve: (value: T) => void, fail: (error: unknown) => void): void {
    const native = this.#native
    const { what, path } = request
    const sentAt = this.#runtime.clock.now()
    const code = request.send(native.client, (result, value) => {
      if (isAnswer(result)) native.answered(sentAt)
      // What comes after the end was answered then, with an unknown outcome.
      if (native.isOver) return
      if (result !== 0) {
        fail(errorOfResult(result, what, path))
        // A follower may go on serving the reads of a session that the leader has closed, so that the package hears of no end.
        if (result === ResultCode.SESSION_EXPIRED) native.end('session-expired')
        return
      }
      try {
        resolve(value())
      } catch (error) {
        fail(error)
      }
    })
    if (code !== 0) fail(notSent(code, what, path))
  }
}

/** The package refused a call at once: nothing was sent. */
function notSent(code: number, what: string, path: string): ZkError {
  if (code === ResultCode.BAD_ARGUMENTS) return errorOfResult(code, what, path)
  const message = `${what} ${path}: the package zookeeper did not take it (code ${code})`
  return new ConnectionLossError(message, { path, outcome: 'rejected' })
}

function endOf(ending: Ending): ZkError {
  if (ending === 'closed') return new ClosedError()
  if (ending === 'auth-failed') return new AuthFailedError('the credentials were refused')
  const why =
    ending === 'session-in-doubt'
      ? 'the session may be over: no server has answered for as long as its timeout'
      : 'the session has expired'
  return new SessionExpiredError(why)
}
