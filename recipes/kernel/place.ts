/**
 * A place in the queue: one ephemeral sequential znode of ours, on the session that it was made in.
 *
 * It is worth something only while that session lives and the znode stands. `leave` gives it up for good: the
 * deletion is owned by the janitor until it is confirmed.
 */
import { nameOf } from '../../src/api/path.js'
import type { Stat } from '../../src/api/stat.js'
import type { Session, Zk } from '../../src/api/zk.js'
import { DeletionWatch, type WatchEnd } from './deletion-watch.js'
import { Janitor, type Removal } from './janitor.js'
import type { LossPolicy } from './loss-policy.js'
import { isRevokeMark } from './revoke-mark.js'

export interface PlaceMade {
  readonly path: string
  readonly stat: Pick<Stat, 'czxid'>
  readonly sequence: number
}

export class Place {
  readonly zk: Zk
  readonly session: Session
  readonly path: string
  readonly name: string
  readonly sequence: number
  readonly czxid: bigint
  readonly lossPolicy: LossPolicy
  #watch: DeletionWatch | undefined
  #end: WatchEnd | undefined
  #leaving: Promise<Removal> | undefined
  #exchanged = false
  #isMarked = false
  #writesItself = false
  #onEnd: ((end: WatchEnd) => void) | undefined
  #onMark: (() => void) | undefined

  constructor(zk: Zk, session: Session, made: PlaceMade, lossPolicy: LossPolicy = 'deadline') {
    this.zk = zk
    this.session = session
    this.path = made.path
    this.name = nameOf(made.path)
    this.sequence = made.sequence
    this.czxid = made.stat.czxid
    this.lossPolicy = lossPolicy
  }

  /** Somebody else deleted our znode, as far as has been seen. Seen at once only while it is watched. */
  get deleted(): boolean {
    return this.#end?.how === 'gone' && this.#leaving === undefined && !this.#exchanged
  }

  /** Somebody asked for it (revocation.ts), as far as has been seen. Seen only while it is watched. */
  get isMarked(): boolean {
    return this.#isMarked
  }

  /**
   * How it was deleted looks like an operator's break: marked before, or written and deleted in one go. Who writes into
   * another one's place but a revoker?
   */
  get looksBroken(): boolean {
    return this.#isMarked || (this.#end?.how === 'gone' && this.#end.unread && !this.#writesItself)
  }

  /** To be called before its owner writes into it: such a change is no news to us. */
  writing(): void {
    this.#writesItself = true
  }

  /** Watches our own znode, once. Resolves with true when the watch stands, false if it could not be set. */
  async watch(): Promise<boolean> {
    if (this.#end?.how === 'blind') this.#watch = this.#end = undefined
    this.#watch ??= new DeletionWatch(
      this.zk,
      this.path,
      this.session,
      (end) => {
        this.#end = end
        if (this.#leaving === undefined && !this.#exchanged) this.#onEnd?.(end)
      },
      (data) => this.#see(data),
    )
    return (await this.#watch.standing) !== undefined && this.#end === undefined
  }

  #see(data: Buffer): void {
    if (this.#isMarked || !isRevokeMark(data)) return
    this.#isMarked = true
    if (this.#leaving === undefined) this.#onMark?.()
  }

  /** Who is told, synchronously, that our own watch ended while we had not left. One at a time. */
  onWatchEnd(listener: ((end: WatchEnd) => void) | undefined): void {
    this.#onEnd = listener
  }

  /** Who is told, synchronously and once, that the mark was seen for the first time. One at a time. */
  onMark(listener: (() => void) | undefined): void {
    this.#onMark = listener
  }

  /**
   * Lets `by` replace our znode with another one. While it is at work, and for good once it has done so, that ours is
   * gone is no news. Gives what `by` gives; undefined stands for "nothing replaced".
   */
  async exchange<T>(by: (place: Place) => Promise<T | undefined>): Promise<T | undefined> {
    this.#exchanged = true
    let made: T | undefined
    try {
      made = await by(this)
      return made
    } finally {
      if (made === undefined) this.#undoExchange()
    }
  }

  #undoExchange(): void {
    this.#exchanged = false
    if (this.#end !== undefined && this.#leaving === undefined) this.#onEnd?.(this.#end)
  }

  /**
   * Deletes our znode; the request is on its way when this returns. Resolves when it is gone for sure. Idempotent,
   * never rejects. The watch on our own znode, if there is one, ends with it.
   */
  async leave(onRefused?: (error: unknown) => void): Promise<Removal> {
    this.#leaving ??= Janitor.of(this.zk).remove(this.path, this.session, onRefused)
    return this.#leaving
  }
}
