/** One at a time, in order, with tokens that grow. */
import { parentOf } from 'latchkey'
import type { SimulationEvent } from 'latchkey/testing'
import { BeliefChecker, nameOf, type Belief } from './belief-checker.js'

const KEPT_PATHS = 1_000

export class MutexChecker extends BeliefChecker {
  #lastToken = 0n
  #last: Belief | undefined

  /** Those of late, in order of creation; also those that stand no more. */
  readonly #paths = new Map<bigint, string>()

  override observe(event: SimulationEvent): void {
    super.observe(event)
    if (event.source !== 'server' || event.transaction.body.type !== 'create') return
    const { zxid, body } = event.transaction
    if (parentOf(body.path) === this.path) this.#paths.set(zxid, body.path)
    const [oldest] = this.#paths.keys()
    if (this.#paths.size > KEPT_PATHS && oldest !== undefined) this.#paths.delete(oldest)
  }

  /** The znode with this czxid. */
  znodeOf(token: bigint): string | undefined {
    return this.#paths.get(token)
  }

  /** With the same token as the last one that was granted: inside of a re-entrant scope only. */
  protected maySucceed(belief: Belief, last: Belief | undefined): boolean {
    return belief.scope !== undefined && belief.scope === last?.scope && belief.znode === last.znode
  }

  protected override granted(belief: Belief, others: readonly Belief[]): void {
    const { token, znode } = belief
    const other = others.find(({ scope }) => scope === undefined || scope !== belief.scope)
    if (other !== undefined)
      this.stage.violate('one holds at a time', `${nameOf(belief)} was granted while ${nameOf(other)} holds`)
    if (token < this.#lastToken || (token === this.#lastToken && !this.maySucceed(belief, this.#last)))
      this.stage.violate('tokens grow', `${nameOf(belief)} comes after token ${this.#lastToken}`)
    this.#lastToken = token
    this.#last = belief
    for (const node of this.view.children(this.path))
      if (node.czxid < token && node.path !== znode)
        this.stage.violate('first come, first served', `${nameOf(belief)} was let in before ${node.path}`)
  }
}
