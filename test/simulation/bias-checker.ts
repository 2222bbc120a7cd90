/**
 * A mutex in biased mode: holds of one znode follow each other in one process, with the same token, as often and as long as
 * it was told, and not when another process has queued up and this one could hear of it. The rest is as of any mutex.
 */
import type { SimulationEvent } from 'latchkey/testing'
import type { Belief } from './belief-checker.js'
import { nameOf } from './belief-checker.js'
import { MutexChecker } from './mutex-checker.js'
import type { Stage } from './workload.js'

export interface BiasBounds {
  readonly maxHolds: number
  readonly maxMs: number
}

/** The way of the news that another one queues up, with nothing wrong on it. */
const NEWS_MS = 60
/** After what slows a process down, things are as before. */
const CALM_MS = 1_000

export class BiasChecker extends MutexChecker {
  readonly #bounds: BiasBounds
  /** When znodes were made, of those that came last. */
  readonly #madeAt = new Map<string, number>()
  /** Until when a process may hear late of others; the empty name stands for all. */
  readonly #lateUntil = new Map<string, number>()
  #term = { znode: '', holds: 0, sinceMs: 0 }

  constructor(stage: Stage, path: string, bounds: BiasBounds) {
    super(stage, path)
    this.#bounds = bounds
  }

  override observe(event: SimulationEvent): void {
    super.observe(event)
    const { atMs } = event
    if (event.source === 'server') {
      const { body } = event.transaction
      if (body.type === 'create') this.#madeAt.set(body.path, atMs)
      const [oldest] = this.#madeAt.keys()
      if (this.#madeAt.size > 100 && oldest !== undefined) this.#madeAt.delete(oldest)
    } else if (
      event.source === 'fault' &&
      ['partition', 'slow', 'stall', 'restart'].includes(event.fault.kind)
    ) {
      const { fault, phase } = event
      // Several may last at a time: the longest counts.
      const lasts = 'forMs' in fault ? fault.forMs : 'downMs' in fault ? fault.downMs : 0
      const until = (phase === 'begin' ? atMs + lasts : atMs) + CALM_MS
      const who = 'process' in fault ? fault.process : ''
      this.#lateUntil.set(who, Math.max(until, this.#lateUntil.get(who) ?? 0))
    }
  }

  /** Somebody else stands behind it, and it must have heard. */
  #checkOthers({ znode, process, sinceMs }: Belief): void {
    if (Math.max(this.#lateUntil.get(process) ?? 0, this.#lateUntil.get('') ?? 0) > sinceMs) return
    const own = this.view.get(znode)
    for (const other of this.view.children(this.path))
      if (other.session !== own?.session && sinceMs - (this.#madeAt.get(other.path) ?? sinceMs) > NEWS_MS)
        this.stage.violate(
          'a term ends when others come',
          `${process} goes on with ${znode}, before ${other.path}`,
        )
  }

  protected override maySucceed(belief: Belief, last: Belief | undefined): boolean {
    return belief.znode === last?.znode && belief.process === last.process && belief.life === last.life
  }

  protected override granted(belief: Belief, others: readonly Belief[]): void {
    super.granted(belief, others)
    const { znode, sinceMs } = belief
    if (this.#term.znode !== znode) this.#term = { znode, holds: 0, sinceMs }
    else this.#checkOthers(belief)
    this.#term.holds++
    const { maxHolds, maxMs } = this.#bounds
    // Clocks drift, and a grant may be told a moment later than it was given.
    const tookMs = sinceMs - this.#term.sinceMs
    if (this.#term.holds > maxHolds || tookMs > maxMs + 1)
      this.stage.violate(
        'a term is bounded',
        `${nameOf(belief)} is hold ${this.#term.holds} of ${znode}, ${tookMs} ms after the first`,
      )
  }
}
