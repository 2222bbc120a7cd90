/**
 * Never more permits than the limit: neither by what processes believe, nor, in the native layout, by what stands on the
 * server before whoever is let in. A limit that is lowered takes nothing from those who hold; so what counts is the
 * highest limit that stood while the grant was asked for.
 */
import type { SimulationEvent } from 'latchkey/testing'
import { BeliefChecker, nameOf, type Belief } from './belief-checker.js'
import type { Stage } from './workload.js'

export interface SemaphoreRules {
  readonly path: string
  readonly dialect: 'native' | 'curator' | 'kazoo'
  /** Before anybody changes it. */
  readonly permits: number
  /** The znode of a shared limit. */
  readonly limitPath: string | undefined
}

const PERMITS_IN_NAME = /-permits-(\d+)-/

export class SemaphoreChecker extends BeliefChecker {
  readonly #rules: SemaphoreRules
  /** Limits and until when each stood, the one that stands last. */
  #limits: { permits: number; untilMs: number }[]

  constructor(stage: Stage, rules: SemaphoreRules) {
    super(stage, rules.path)
    this.#rules = rules
    this.#limits = [{ permits: rules.permits, untilMs: Infinity }]
  }

  override observe(event: SimulationEvent): void {
    super.observe(event)
    if (event.source !== 'server') return
    const { body } = event.transaction
    if ((body.type === 'setData' || body.type === 'create') && body.path === this.#rules.limitPath)
      this.#changed(Buffer.from(body.data ?? []).readInt32BE(), event.atMs)
  }

  #changed(permits: number, atMs: number): void {
    const last = this.#limits.at(-1)
    if (last !== undefined) last.untilMs = atMs
    this.#limits.push({ permits, untilMs: Infinity })
    if (this.#limits.length > 1_000) this.#limits = this.#limits.slice(-500)
  }

  #highestSince(sinceMs: number): number {
    const standing = this.#limits.filter(({ untilMs }) => untilMs >= sinceMs)
    return Math.max(...standing.map(({ permits }) => permits))
  }

  protected override granted(belief: Belief, others: readonly Belief[]): void {
    const limit = this.#highestSince(belief.askedMs)
    const held = others.reduce((sum, { permits = 0 }) => sum + permits, belief.permits ?? 0)
    // Those that hold from before a limit was lowered keep what they have; nobody may be let in on top.
    if (held > limit)
      this.stage.violate('never more than the limit', `with ${nameOf(belief)} ${held} of ${limit} are held`)
    if (this.#rules.dialect === 'native') this.#checkLine(belief, limit)
  }

  #checkLine(belief: Belief, limit: number): void {
    const own = Number(belief.znode.slice(-10))
    let ahead = 0
    for (const { name, sequence } of this.view.children(this.path))
      if (sequence < own) ahead += Number(PERMITS_IN_NAME.exec(name)?.[1] ?? 0)
    if (ahead + (belief.permits ?? 0) > limit)
      this.stage.violate(
        'first come, first served',
        `${nameOf(belief)} was let in with ${ahead} of ${limit} permits ahead of it`,
      )
  }
}
