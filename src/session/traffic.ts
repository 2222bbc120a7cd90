/**
 * The requests and the watches of the client, over all its links and sessions, and what the one means for the other: a
 * read may set a watch, a reply says whether it has, and a new link gets all of them again.
 */
import type { ZkError } from '../api/errors.js'
import { SessionExpiredError } from '../api/errors.js'
import type { CallOptions, Logger } from '../api/zk.js'
import type { Reader } from '../codec/reader.js'
import { watchEventTypes } from '../protocol/constants.js'
import type { Operation } from '../protocol/operations.js'
import { errorOfResult, OK } from '../protocol/result-codes.js'
import type { Link } from './link.js'
import type { Entry, PendingWatch } from './pending.js'
import { rejectEntry } from './pending.js'
import type { EntrySpec, RequestLimits } from './request-queue.js'
import { RequestQueue } from './request-queue.js'
import { Watches } from './watches.js'

export interface TrafficOptions extends RequestLimits {
  readonly logger: Logger
  /** Takes the chroot off a path of the server. */
  readonly toClient: (path: string) => string
}

/** Paths of watches in one set-watches request: the server's limit is 1 MiB for the whole (ZOOKEEPER-706). */
const WATCH_BATCH_BYTES = 128 * 1024

export class Traffic {
  readonly watches: Watches
  readonly requests: RequestQueue
  readonly #logger: Logger
  #lastZxid = 0n

  constructor(options: TrafficOptions) {
    this.#logger = options.logger
    this.watches = new Watches(options.logger, options.toClient)
    this.requests = new RequestQueue(options, (entry) => this.#entryDropped(entry))
  }

  /** The newest transaction of which this session has seen all effects. */
  get lastZxid(): bigint {
    return this.#lastZxid
  }

  /**
   * One request that has been checked, under the caller's limits: sent now or, in order, when there is a connection.
   * Settles with what `spec.finish` makes of the reply.
   */
  call<Q, A, T>(
    operation: Operation<Q, A>,
    request: Q,
    spec: EntrySpec<A, T>,
    options?: CallOptions,
  ): Promise<T> {
    // Not async, here and in the client's inner calls: each async function round a promise costs three turns of the
    // microtask queue.
    return new Promise<T>((resolve, reject) => {
      const entry = this.requests.entry(operation, request, spec, resolve, reject, options)
      try {
        this.#submit(entry)
      } catch (error) {
        rejectEntry(entry, error)
      }
    })
  }

  #submit(entry: Entry): void {
    const { generation } = entry
    if (generation !== undefined && generation !== this.requests.generation) {
      throw new SessionExpiredError(`${entry.operation.name}: the session it was meant for is over`, {
        path: entry.path,
      })
    }
    if (entry.watch !== undefined) this.watches.expect(entry.watch.kind, entry.watch.path)
    try {
      this.requests.submit(entry)
    } catch (error) {
      this.#entryDropped(entry)
      throw error
    }
  }

  /** On a new link of the session, before any request. */
  restoreWatches(link: Link): void {
    for (const batch of this.watches.batches(this.#lastZxid, WATCH_BATCH_BYTES)) {
      link.setWatches(batch).then(
        (err) => {
          if (err === OK) return
          const error = errorOfResult(err, 'setWatches')
          this.#logger.error({ err: error }, 'the server did not take the watches back')
          this.watches.loseBatch(batch)
        },
        // The link is gone; the next one gets them again.
        () => undefined,
      )
    }
  }

  notified(type: number, path: string, zxid: bigint): void {
    const known = watchEventTypes[type]
    // −1 carries only a change of state, which the connection itself tells better.
    if (known === undefined) return
    // Its zxid is not taken for seen: a transaction may cause several events, and the link break between two of them.
    this.watches.dispatch(known, path, zxid > 0n ? zxid : undefined)
    this.requests.forgetWatches(path, this.watches.overdue(path))
  }

  /** Throws, with the entry settled, if the reply can't be read. */
  replied(entry: Entry, err: number, zxid: bigint, reader: Reader): void {
    if (zxid > this.#lastZxid) this.#lastZxid = zxid
    try {
      this.requests.answered(entry, err, reader)
    } catch (error) {
      this.#entryDropped(entry)
      throw error
    }
    if (entry.watch !== undefined) this.#settleWatch(entry.watch, entry, err)
  }

  /** The reply of a read that asked for a watch: it is set now, unless the read failed. */
  #settleWatch(watch: PendingWatch, { absentIs, abandoned }: Entry, err: number): void {
    const absent = err === absentIs
    if (err !== OK && !absent) {
      this.watches.unexpect(watch.kind, watch.path)
      return this.requests.forgetWatches(watch.path, this.watches.overdue(watch.path))
    }
    // If the caller has given up, the server has set the watch all the same: take it back.
    this.requests.forgetWatches(watch.path, this.watches.settle(watch, absent, abandoned))
  }

  /** A request that asked for a watch will get no reply that counts. */
  #entryDropped(entry: Entry): void {
    if (entry.watch !== undefined) this.watches.unexpect(entry.watch.kind, entry.watch.path)
  }

  /** The session is over: its watches are told so. */
  forgetSession(): void {
    this.#lastZxid = 0n
    this.watches.lose()
  }

  close(link: Link | undefined, error: ZkError): void {
    this.requests.close(link, error)
    this.watches.lose()
  }
}
