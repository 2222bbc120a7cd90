/**
 * One znode that holds, and the holds that stand on it. Mostly that is one; with re-entrancy several inside of one another,
 * and in biased mode one znode has several tenures, one after the other.
 *
 * Each hold has a tenancy, a place of its own for all that it can tell: it is lost when the znode is, it is told what the
 * znode's only watch tells, and it leaves once. When the last tenancy has left, the tenure is over, and its owner
 * decides what becomes of the znode.
 */
import type { WatchEnd } from '../kernel/deletion-watch.js'
import type { Removal } from '../kernel/janitor.js'
import { Place } from '../kernel/place.js'

type OnRefused = ((error: unknown) => void) | undefined

export class Tenure {
  readonly place: Place
  readonly #vacate: (onRefused: OnRefused) => Promise<Removal>
  readonly #tenancies = new Set<Tenancy>()
  #holders = 0

  /** @param vacate - called once, when the last holder has left. What it gives is what that one is told. */
  constructor(place: Place, vacate: (onRefused: OnRefused) => Promise<Removal>) {
    this.place = place
    this.#vacate = vacate
  }

  /** Of one more holder. */
  admit(): Tenancy {
    this.#holders++
    return this.#let(true)
  }

  /** A tenancy that watches, and holds nothing. It does not count. */
  overlook(): Tenancy {
    return this.#let(false)
  }

  #let(counts: boolean): Tenancy {
    if (this.#tenancies.size === 0) {
      this.place.onWatchEnd((end) => {
        for (const tenancy of this.#tenancies) tenancy.tellEnd(end)
      })
      this.place.onMark(() => {
        for (const tenancy of this.#tenancies) tenancy.tellMark()
      })
    }
    const tenancy = new Tenancy(this, counts)
    this.#tenancies.add(tenancy)
    return tenancy
  }

  /** @internal Called once by each tenancy. */
  async depart(tenancy: Tenancy, onRefused: OnRefused): Promise<Removal> {
    const { place } = this
    this.#tenancies.delete(tenancy)
    if (tenancy.counts && --this.#holders === 0) {
      place.onWatchEnd(undefined)
      place.onMark(undefined)
      this.#tenancies.clear()
      return this.#vacate(onRefused)
    }
    if (place.session.signal.aborted) return 'session-over'
    return place.deleted ? 'gone' : 'deleted'
  }
}

export class Tenancy extends Place {
  readonly tenure: Tenure
  readonly counts: boolean
  #leaving: Promise<Removal> | undefined
  #onEnd: ((end: WatchEnd) => void) | undefined
  #onMark: (() => void) | undefined

  /** @internal */
  constructor(tenure: Tenure, counts: boolean) {
    const { zk, session, path, czxid, sequence, lossPolicy } = tenure.place
    super(zk, session, { path, stat: { czxid }, sequence }, lossPolicy)
    this.tenure = tenure
    this.counts = counts
  }

  get hasLeft(): boolean {
    return this.#leaving !== undefined
  }

  override get deleted(): boolean {
    return this.#leaving === undefined && this.tenure.place.deleted
  }

  override get isMarked(): boolean {
    return this.tenure.place.isMarked
  }

  override get looksBroken(): boolean {
    return this.tenure.place.looksBroken
  }

  override async watch(): Promise<boolean> {
    return this.tenure.place.watch()
  }

  override onWatchEnd(listener: ((end: WatchEnd) => void) | undefined): void {
    this.#onEnd = listener
  }

  override onMark(listener: (() => void) | undefined): void {
    this.#onMark = listener
  }

  /** @internal */
  tellEnd(end: WatchEnd): void {
    this.#onEnd?.(end)
  }

  /** @internal */
  tellMark(): void {
    this.#onMark?.()
  }

  /** Leaves the tenure; the last one's leaving is that of the znode, as the tenure's owner wants it. Idempotent. */
  override async leave(onRefused?: (error: unknown) => void): Promise<Removal> {
    this.#leaving ??= this.tenure.depart(this, onRefused)
    return this.#leaving
  }
}
