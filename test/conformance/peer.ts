/** One session on the bare protocol, with short names and errors by name: what most of the suite speaks through. */
import type { MultiOperation } from '../../src/protocol/multi.js'
import type { AclEntry, ConnectReply } from '../../src/protocol/records.js'
import type { OperationName, ReplyOf, RequestOf, operations } from '../../src/protocol/operations.js'
import { OK, ResultCode } from '../../src/protocol/result-codes.js'
import type { RawClient, RawEvent, RawReply } from '../support/raw-client.js'
import { openAcl } from '../support/raw-client.js'

const names = new Map<number, string>(Object.entries(ResultCode).map(([name, code]) => [code, name]))

/** `OK`, an error by its name, or the bare number of one without. */
export function errorName(err: number): string {
  return err === OK ? 'OK' : (names.get(err) ?? String(err))
}

export interface Answer<T> {
  readonly error: string
  readonly xid: number
  readonly zxid: bigint
  /** Throws if the server refused. */
  readonly body: T
}

class ReceivedAnswer<T> implements Answer<T> {
  readonly error: string
  readonly xid: number
  readonly zxid: bigint
  readonly #reply: RawReply<T>

  constructor(reply: RawReply<T>) {
    this.#reply = reply
    this.error = errorName(reply.err)
    this.xid = reply.xid
    this.zxid = reply.zxid
  }

  get body(): T {
    if (this.error !== 'OK') throw new Error(`the server answered ${this.error}`)
    return this.#reply.body as T
  }
}

type Request<K extends OperationName> = RequestOf<(typeof operations)[K]>
type Reply<K extends OperationName> = ReplyOf<(typeof operations)[K]>

export interface CreateOptions {
  readonly flags?: number
  readonly data?: Uint8Array | string | null
  readonly acl?: readonly AclEntry[]
}

export const Flags = {
  persistent: 0,
  ephemeral: 1,
  sequential: 2,
  ephemeralSequential: 3,
  container: 4,
  ttl: 5,
  sequentialTtl: 6,
} as const

export function toBytes(data: Uint8Array | string | null): Buffer | null {
  return data === null ? null : Buffer.from(data as string)
}

export class Peer {
  readonly raw: RawClient

  constructor(raw: RawClient) {
    this.raw = raw
  }

  get session(): ConnectReply {
    return this.raw.session
  }

  get id(): bigint {
    return this.raw.session.sessionId
  }

  get events(): readonly RawEvent[] {
    return this.raw.events
  }

  async ask<K extends OperationName>(name: K, request: Request<K>): Promise<Answer<Reply<K>>> {
    return new ReceivedAnswer(await this.raw.call(name, request))
  }

  /** With any opcode and any body. */
  async send(opcode: number, body: Buffer = Buffer.alloc(0)): Promise<Answer<unknown>> {
    return new ReceivedAnswer(await this.raw.send(opcode, body))
  }

  #creation({ flags = 0, data = 'x', acl = openAcl }: CreateOptions): Omit<Request<'create'>, 'path'> {
    return { data: toBytes(data), acl, flags }
  }

  async create(path: string, options: CreateOptions = {}): Promise<Answer<Reply<'create'>>> {
    return this.ask('create', { path, ...this.#creation(options) })
  }

  async createWithoutStat(path: string, options: CreateOptions = {}): Promise<Answer<{ path: string }>> {
    return this.ask('createWithoutStat', { path, ...this.#creation(options) })
  }

  async createContainer(path: string, options: CreateOptions = {}): Promise<Answer<Reply<'create'>>> {
    return this.ask('createContainer', { path, ...this.#creation({ flags: Flags.container, ...options }) })
  }

  async createTtl(
    path: string,
    ttlMs: number,
    options: CreateOptions = {},
  ): Promise<Answer<Reply<'create'>>> {
    const creation = this.#creation({ flags: Flags.ttl, ...options })
    return this.ask('createTtl', { path, ...creation, ttlMs: BigInt(ttlMs) })
  }

  async delete(path: string, version = -1): Promise<Answer<undefined>> {
    return this.ask('delete', { path, version })
  }

  async exists(path: string, watch = false): Promise<Answer<Reply<'exists'>>> {
    return this.ask('exists', { path, watch })
  }

  async get(path: string, watch = false): Promise<Answer<Reply<'getData'>>> {
    return this.ask('getData', { path, watch })
  }

  async set(path: string, data: Uint8Array | string | null, version = -1): Promise<Answer<Reply<'setData'>>> {
    return this.ask('setData', { path, data: toBytes(data), version })
  }

  async children(path: string, watch = false): Promise<Answer<Reply<'getChildren2'>>> {
    return this.ask('getChildren2', { path, watch })
  }

  async getAcl(path: string): Promise<Answer<Reply<'getAcl'>>> {
    return this.ask('getAcl', { path })
  }

  async setAcl(path: string, acl: readonly AclEntry[], version = -1): Promise<Answer<Reply<'setAcl'>>> {
    return this.ask('setAcl', { path, acl, version })
  }

  async sync(path = '/'): Promise<Answer<{ path: string }>> {
    return this.ask('sync', { path })
  }

  async multi(...list: readonly MultiOperation[]): Promise<Answer<Reply<'multi'>>> {
    return this.ask('multi', list)
  }

  async addAuth(scheme: string, auth: string): Promise<Answer<undefined>> {
    return this.ask('auth', { type: 0, scheme, auth: Buffer.from(auth) })
  }

  /** The znode's stat; throws if there is none. */
  async stat(path: string): Promise<Reply<'exists'>['stat']> {
    return (await this.exists(path)).body.stat
  }

  /**
   * What has come until the answer to a request that is sent now: events by type and path. On one connection nothing
   * overtakes, so what is not here by then has not been sent.
   */
  async heard(): Promise<string[]> {
    await this.sync()
    return this.events.map(({ type, path }) => `${eventNames[type] ?? type} ${path}`)
  }

  /** Answers and events, in the order in which they came; answers by their xid. */
  get arrivals(): readonly (string | number)[] {
    return this.raw.arrivals.map((arrival) =>
      'reply' in arrival ? arrival.reply : `${eventNames[arrival.event.type]} ${arrival.event.path}`,
    )
  }
}

const eventNames: Readonly<Record<number, string>> = {
  1: 'created',
  2: 'deleted',
  3: 'dataChanged',
  4: 'childrenChanged',
  5: 'dataWatchRemoved',
  6: 'childWatchRemoved',
  7: 'persistentWatchRemoved',
}
