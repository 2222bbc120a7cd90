/** Many read or one writes; whoever came behind a writer waits for it; a downgrade lets nobody in between. */
import type { SimulationEvent } from 'latchkey/testing'
import { BeliefChecker, nameOf, type Belief } from './belief-checker.js'
import type { StandingNode } from './server-view.js'

/** Curator's names and kazoo's. */
const READER = /__(READ|rlock)__/

export class ReadWriteChecker extends BeliefChecker {
  #lastWrite = 0n
  #lastToken = 0n

  protected override granted(belief: Belief, others: readonly Belief[]): void {
    const { mode, token } = belief
    const conflict = others.find((other) => mode === 'write' || other.mode === 'write')
    if (conflict !== undefined)
      this.stage.violate('a writer is alone', `${nameOf(belief)} was granted while ${nameOf(conflict)} holds`)
    this.#checkToken(belief)
    if (mode === 'write') this.#lastWrite = token
    if (token > this.#lastToken) this.#lastToken = token
    this.#checkLine(belief)
  }

  /** A downgraded hold keeps the token of its write. */
  #checkToken(belief: Belief): void {
    const { mode, token } = belief
    const floor = mode === 'write' ? this.#lastToken : this.#lastWrite
    if (token <= floor && !(mode === 'read' && token === floor))
      this.stage.violate('tokens grow', `${nameOf(belief)} comes after token ${floor}`)
  }

  #checkLine(belief: Belief): void {
    const own = Number(belief.znode.slice(-10))
    const isAhead = (node: StandingNode): boolean =>
      node.sequence < own && (belief.mode === 'write' || !READER.test(node.name))
    for (const node of this.view.children(this.path))
      if (isAhead(node))
        this.stage.violate('first come, first served', `${nameOf(belief)} was let in before ${node.path}`)
  }

  /** The write hold that becomes a read hold: its znode goes in the very transaction in which the reader's comes. */
  override observe(event: SimulationEvent): void {
    super.observe(event)
    if (event.source !== 'server' || event.transaction.body.type !== 'multi') return
    const { changes } = event.transaction.body
    const made = changes.find((change) => change.type === 'create')
    const gone = changes.find((change) => change.type === 'delete')
    if (made === undefined || gone === undefined) return
    if (made.path.slice(-10) !== gone.path.slice(-10))
      this.stage.violate('a downgrade keeps its place', `${gone.path} became ${made.path}`)
  }
}
