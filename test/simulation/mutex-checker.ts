/** One at a time, in order, with tokens that grow. */
import { BeliefChecker, nameOf, type Belief } from './belief-checker.js'

export class MutexChecker extends BeliefChecker {
  #lastToken = 0n

  /** Of those that stand. */
  znodeOf(token: bigint): string | undefined {
    for (const { czxid, path } of this.view.children(this.path)) if (czxid === token) return path
    return undefined
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
