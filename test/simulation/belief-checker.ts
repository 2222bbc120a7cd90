/**
 * Whether those who believe to hold do hold. A process says so by an operation `hold`: it begins with what was granted
 * (a {@link Grant}), and ends, `ok`, when its release is asked for, or, `info`, when its loss is told. The truth is whether
 * the grant's znode stands on the server.
 *
 * A belief may outlive its znode in three cases only: the process was stalled (then it must end at the very moment in which
 * the process goes on), or an operator ended its session or deleted its znode (then it ends within a session
 * timeout: at the latest by the process's own clock). Such a belief is no reason to
 * blame another one that begins meanwhile.
 */
import type { FaultEvent, ProcessEvent, ServerEvent, SimulationEvent } from 'latchkey/testing'
import { ServerView, type StandingNode } from './server-view.js'
import type { Checker, Stage } from './workload.js'

/** What a process was granted. */
export interface Grant {
  /** Of the lock. */
  readonly path: string
  readonly znode: string
  /** All of them, if there are more: without one, all is lost. */
  readonly znodes?: readonly string[]
  readonly token: bigint
  /** `read` goes together with `read`, and permits with permits. */
  readonly mode: 'write' | 'read' | 'permits'
  readonly permits?: number
  /** When it was asked for. */
  readonly askedMs: number
  /** It does not listen for its loss: it believes until it releases. */
  readonly blind: boolean
  /** Re-entrant: those of one scope hold together. */
  readonly scope?: number
}

export interface Belief extends Grant {
  readonly id: number
  readonly process: string
  readonly life: number
  readonly sinceMs: number
  /** It has outlived its znode for a good reason; it must end by then. */
  excusedUntilMs: number | undefined
}

export abstract class BeliefChecker implements Checker {
  protected readonly stage: Stage
  protected readonly path: string
  protected readonly view: ServerView
  readonly #beliefs = new Map<number, Belief>()
  readonly #byZnode = new Map<string, Set<Belief>>()
  readonly #excused = new Set<Belief>()
  /** When each process last went on after a stall, and when its session was last ended by force. */
  readonly #thawed = new Map<string, number>()
  readonly #expired = new Map<string, number>()
  /** Znodes that an operator deleted, and when. */
  readonly #broken = new Map<string, number>()

  constructor(stage: Stage, path: string) {
    this.stage = stage
    this.path = path
    this.view = new ServerView((node, atMs) => this.#deleted(node, atMs))
  }

  /** A belief begins whose znode stands; the others are those whose znodes stand too. */
  protected abstract granted(belief: Belief, others: readonly Belief[]): void

  observe(event: SimulationEvent): void {
    for (const belief of this.#excused) this.#checkEnd(belief, event.atMs)
    if (event.source === 'server') this.#applied(event)
    else if (event.source === 'fault') this.#fault(event)
    else if (event.operation === 'hold') this.#hold(event)
  }

  #applied(event: ServerEvent): void {
    const { body, session } = event.transaction
    if (body.type === 'delete' && this.view.get(body.path)?.session !== session)
      this.#broken.set(body.path, event.atMs)
    this.view.observe(event)
  }

  #checkEnd(belief: Belief, atMs: number): void {
    if (atMs <= (belief.excusedUntilMs ?? Infinity)) return
    this.#excused.delete(belief)
    this.stage.violate('a lost hold is told in time', `${nameOf(belief)} still believes it at ${atMs} ms`)
  }

  #fault({ fault, phase, atMs }: FaultEvent): void {
    if (!('process' in fault)) return
    const { kind, process } = fault
    if (kind === 'expire') this.#expired.set(process, atMs)
    else if (kind === 'crash' && phase === 'begin') this.#crashed(process)
    else if (kind === 'stall' && phase === 'begin') {
      // Whatever was to end its belief by then waits as well.
      for (const belief of this.#excused) if (belief.process === process) belief.excusedUntilMs = Infinity
    } else if (kind === 'stall' && this.#stateOf(process) === 'running') {
      this.#thawed.set(process, atMs)
      for (const belief of this.#excused)
        if (belief.process === process && belief.excusedUntilMs === Infinity && !belief.blind)
          belief.excusedUntilMs = Math.max(atMs, this.#forcedUntil(belief))
    }
  }

  #crashed(process: string): void {
    for (const belief of this.#beliefs.values()) if (belief.process === process) this.#end(belief)
  }

  #stateOf(name: string): string | undefined {
    return this.stage.cluster.processes.find((process) => process.name === name)?.state
  }

  #hold(event: ProcessEvent): void {
    if (event.type !== 'invoke') {
      const belief = this.#beliefs.get(event.id)
      if (belief !== undefined) this.#end(belief)
      return
    }
    const grant = event.value as Grant
    if (grant.path !== this.path) return
    const { id, process, life, atMs: sinceMs } = event
    const belief: Belief = { ...grant, id, process, life, sinceMs, excusedUntilMs: undefined }
    this.#begin(belief)
  }

  #begin(belief: Belief): void {
    const others = [...this.#beliefs.values()].filter((other) => other.excusedUntilMs === undefined)
    const gone = znodesOf(belief).find((znode) => this.view.get(znode) === undefined)
    if (gone !== undefined) this.#outlived(belief, belief.sinceMs, `was granted ${gone}`)
    this.#beliefs.set(belief.id, belief)
    for (const znode of znodesOf(belief)) {
      const same = this.#byZnode.get(znode)
      if (same === undefined) this.#byZnode.set(znode, new Set([belief]))
      else same.add(belief)
    }
    // News of a grant that is over already: order is no more to be asked of it.
    if (belief.excusedUntilMs === undefined) this.granted(belief, others)
  }

  #end(belief: Belief): void {
    this.#beliefs.delete(belief.id)
    this.#excused.delete(belief)
    for (const znode of znodesOf(belief)) {
      const same = this.#byZnode.get(znode)
      same?.delete(belief)
      if (same?.size === 0) this.#byZnode.delete(znode)
    }
  }

  #deleted(node: StandingNode, atMs: number): void {
    for (const belief of this.#byZnode.get(node.path) ?? [])
      this.#outlived(belief, atMs, `believes in ${node.path}`)
  }

  /** Until when it may take the news that an operator ended its session, or deleted its znode, to arrive. */
  #forcedUntil(belief: Belief): number {
    const expiredAt = this.#expired.get(belief.process) ?? -Infinity
    const brokenAt = znodesOf(belief).map((znode) => this.#broken.get(znode) ?? -Infinity)
    return Math.max(expiredAt, ...brokenAt) + this.stage.sessionTimeoutMs
  }

  /** Its znode does not stand. */
  #outlived(belief: Belief, atMs: number, how: string): void {
    const { process, blind } = belief
    const forcedUntil = this.#forcedUntil(belief)
    if (this.#stateOf(process) === 'stalled') belief.excusedUntilMs = Infinity
    else if (forcedUntil >= atMs) belief.excusedUntilMs = blind ? Infinity : forcedUntil
    else if (this.#thawed.get(process) === atMs) belief.excusedUntilMs = blind ? Infinity : atMs
    else
      return this.stage.violate(
        'belief lies within ownership',
        `${nameOf(belief)} ${how}, which does not stand on the server`,
      )
    this.#excused.add(belief)
  }
}

function znodesOf({ znode, znodes }: Grant): readonly string[] {
  return znodes ?? [znode]
}

export function nameOf({ process, life, id, token, mode }: Belief): string {
  return `${process} (life ${life}, operation ${id}, ${mode}, token ${token})`
}
