/** The ground truth: the ephemeral znodes that stand on the server, as its transactions tell. */
import { parentOf } from 'latchkey'
import type { NodeChange, Transaction } from 'latchkey/server'
import type { SimulationEvent } from 'latchkey/testing'

export interface StandingNode {
  readonly path: string
  readonly name: string
  readonly czxid: bigint
  readonly session: bigint
  /** The ten digits at the end of its name: its place in the line. */
  readonly sequence: number
}

export class ServerView {
  readonly #byParent = new Map<string, Map<string, StandingNode>>()
  readonly #bySession = new Map<bigint, Set<StandingNode>>()
  readonly #onDeleted: ((node: StandingNode, atMs: number) => void) | undefined
  #atMs = 0

  /** @param onDeleted - told of each that goes, whoever deleted it. */
  constructor(onDeleted?: (node: StandingNode, atMs: number) => void) {
    this.#onDeleted = onDeleted
  }

  observe(event: SimulationEvent): void {
    if (event.source !== 'server') return
    this.#atMs = event.atMs
    this.#apply(event.transaction)
  }

  #apply({ zxid, session, body }: Transaction): void {
    if (body.type === 'multi') for (const change of body.changes) this.#change(change, zxid)
    else if (body.type === 'create' || body.type === 'delete') this.#change(body, zxid)
    else if (body.type === 'closeSession')
      for (const node of [...(this.#bySession.get(session) ?? [])]) this.#delete(node.path)
  }

  #change(change: NodeChange, zxid: bigint): void {
    if (change.type === 'delete') return this.#delete(change.path)
    if (change.type !== 'create' || change.owner.kind !== 'ephemeral') return
    const { path } = change
    const parent = parentOf(path)
    const name = path.slice(parent.length + 1)
    const session = change.owner.value
    const node = { path, name, czxid: zxid, session, sequence: Number(path.slice(-10)) }
    const siblings = this.#byParent.get(parent)
    if (siblings === undefined) this.#byParent.set(parent, new Map([[path, node]]))
    else siblings.set(path, node)
    const own = this.#bySession.get(session)
    if (own === undefined) this.#bySession.set(session, new Set([node]))
    else own.add(node)
  }

  #delete(path: string): void {
    const siblings = this.#byParent.get(parentOf(path))
    const node = siblings?.get(path)
    if (node === undefined) return
    siblings?.delete(path)
    const own = this.#bySession.get(node.session)
    own?.delete(node)
    if (own?.size === 0) this.#bySession.delete(node.session)
    this.#onDeleted?.(node, this.#atMs)
  }

  /** One level below `parent`, in order of creation. */
  children(parent: string): Iterable<StandingNode> {
    return this.#byParent.get(parent)?.values() ?? []
  }

  /** At any depth. */
  below(path: string): StandingNode[] {
    const within = (parent: string): boolean => parent === path || parent.startsWith(`${path}/`)
    return [...this.#byParent].flatMap(([parent, nodes]) => (within(parent) ? [...nodes.values()] : []))
  }

  /** Of a session, anywhere. */
  countOf(session: bigint): number {
    return this.#bySession.get(session)?.size ?? 0
  }

  get(path: string): StandingNode | undefined {
    return this.#byParent.get(parentOf(path))?.get(path)
  }
}
