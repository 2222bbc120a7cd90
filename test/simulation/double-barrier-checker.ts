/**
 * Nobody enters a double barrier before all members were there at one moment, and nobody is told that all have left
 * while one is still there. Judged by the server's transactions.
 *
 * Of rounds (our own layout): who enters is one of exactly so many members, named by one transaction, that all stood then;
 * nobody is in two rounds; no more members of a process than it has calls that ask, and znodes that it is deleting. So one
 * that timed out does not count. In Curator's layout there are no rounds: at some moment since a member came, so many stood;
 * and it leaves only when those are gone that stood at the first such moment.
 *
 * Operations: `enter` and `leave`, `ok` with the path of the member and its round.
 */
import type { ProcessEvent, SimulationEvent } from 'latchkey/testing'
import type { NodeChange } from 'latchkey/server'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { ServerView } from './server-view.js'
import type { Checker, Stage } from './workload.js'

interface Told {
  readonly path: string
  readonly round: bigint
}

/** Rounds are forgotten by then: nobody leaves them so late. */
const ROUNDS_KEPT = 200

export class DoubleBarrierChecker implements Checker {
  readonly #stage: Stage
  readonly #path: string
  readonly #members: number
  readonly #hasRounds: boolean
  readonly #view: ServerView
  /** By the transaction that began it. */
  readonly #rounds = new Map<bigint, readonly string[]>()
  /** Members that stand and may enter. */
  readonly #admitted = new Set<string>()
  /** Without rounds: who stood beside a member when it might enter first. */
  readonly #beside = new Map<string, readonly string[]>()
  /** Calls of `enter` that wait, by process and life. */
  readonly #asking = new Map<string, Set<number>>()

  constructor(stage: Stage, path: string, members: number, hasRounds: boolean) {
    this.#stage = stage
    this.#path = path
    this.#members = members
    this.#hasRounds = hasRounds
    this.#view = new ServerView()
  }

  observe(event: SimulationEvent): void {
    this.#view.observe(event)
    if (event.source === 'server') {
      const { body, zxid } = event.transaction
      if (this.#hasRounds && body.type === 'multi') this.#round(zxid, body.changes)
      if (!this.#hasRounds) this.#count()
    } else if (event.source === 'process') {
      if (event.operation === 'enter') this.#enter(event)
      else if (event.operation === 'leave' && event.type === 'ok') this.#leave(event.value as Told)
    }
  }

  #round(zxid: bigint, changes: readonly NodeChange[]): void {
    const named = changes.filter(({ type }) => type === 'setData').map(({ path }) => path)
    if (named.length === 0) return
    const standing = named.filter((path) => this.#view.get(path) !== undefined)
    if (named.length !== this.#members || standing.length !== named.length)
      this.#stage.violate('a round has all its members', `${standing.length} stand of ${named.join(', ')}`)
    const twice = named.filter((path) => this.#admitted.has(path))
    if (twice.length > 0) this.#stage.violate('nobody is in two rounds', twice.join(', '))
    for (const path of named) this.#admitted.add(path)
    this.#rounds.set(zxid, named)
    const [oldest] = this.#rounds.keys()
    if (this.#rounds.size > ROUNDS_KEPT && oldest !== undefined) {
      for (const path of this.#rounds.get(oldest) ?? []) this.#admitted.delete(path)
      this.#rounds.delete(oldest)
    }
    this.#findGhosts(named)
  }

  /** Members that nobody asks to enter for any more. */
  #findGhosts(named: readonly string[]): void {
    for (const { clients, name, life } of this.#stage.cluster.processes) {
      const zk = clients.at(-1)
      if (zk?.session === undefined) continue
      const own = named.filter((path) => this.#view.get(path)?.session === zk.session?.id).length
      const asking = this.#asking.get(`${name} ${life}`)?.size ?? 0
      if (own > asking + Janitor.of(zk).pending)
        this.#stage.violate(
          'who has given up does not count',
          `${own} members of ${name} in ${named.join(', ')}, where ${asking} ask`,
        )
    }
  }

  #count(): void {
    const standing = [...this.#view.children(this.#path)].map(({ path }) => path)
    for (const path of this.#admitted) if (!standing.includes(path)) this.#admitted.delete(path)
    if (standing.length < this.#members) return
    for (const path of standing) {
      if (this.#admitted.has(path)) continue
      this.#admitted.add(path)
      this.#beside.set(path, standing)
    }
    for (const path of this.#beside.keys()) {
      if (this.#beside.size <= ROUNDS_KEPT) break
      this.#beside.delete(path)
    }
  }

  #enter({ process, life, id, type, value }: ProcessEvent): void {
    const who = `${process} ${life}`
    const asking = this.#asking.get(who) ?? new Set()
    this.#asking.set(who, asking)
    if (type === 'invoke') return void asking.add(id)
    asking.delete(id)
    if (type !== 'ok') return
    const { path, round } = value as Told
    if (this.#hasRounds) {
      if (this.#rounds.get(round)?.includes(path) !== true)
        this.#stage.violate('nobody enters before all are there', `${path} in round ${round}`)
      // Its session may be over by now, which it can't know yet.
    } else if (this.#view.get(path) !== undefined && !this.#admitted.has(path))
      this.#stage.violate('nobody enters before all are there', path)
  }

  #leave({ path, round }: Told): void {
    const members = this.#hasRounds ? this.#rounds.get(round) : this.#beside.get(path)
    const there = members?.filter((each) => this.#view.get(each) !== undefined) ?? []
    if (there.length > 0)
      this.#stage.violate(
        'nobody has left before all are done',
        `${path}, while there is ${there.join(', ')}`,
      )
  }
}
