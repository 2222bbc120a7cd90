/** One at a time, in order, with tokens that grow. */
import { parentOf } from 'latchkey'
import type { SimulationEvent } from 'latchkey/testing'
import { BeliefChecker, nameOf, type Belief } from './belief-checker.js'

const KEPT_PATHS = 1_000

export class MutexChecker extends BeliefChecker {
  #lastToken = 0n

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

  protected override granted(belief: Belief, others: readonly Belief[]): void {
    const { token, znode } = belief
    const [other] = others
    if (other !== undefined)
      this.stage.violate('one holds at a time', `${nameOf(belief)} was granted while ${nameOf(other)} holds`)
    if (token <= this.#lastToken)
      this.stage.violate('tokens grow', `${nameOf(belief)} comes after token ${this.#lastToken}`)
    else this.#lastToken = token
    for (const node of this.view.children(this.path))
      if (node.czxid < token && node.path !== znode)
        this.stage.violate('first come, first served', `${nameOf(belief)} was let in before ${node.path}`)
  }
}
