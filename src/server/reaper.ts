/**
 * Deletes containers that had children and are empty, and TTL nodes without children whose time is up. As a real
 * server's ContainerManager: by the wall clock, each in a transaction of its own, at fixed intervals.
 */
import type { Timer } from '../runtime/clock.js'
import type { Runtime } from '../runtime/runtime.js'
import type { Caller } from './handlers/context.js'
import type { State } from './state.js'
import type { Znode } from './znode.js'

export interface ReaperOptions {
  readonly intervalMs: number
  readonly maxNeverUsedMs: number
  readonly runtime: Runtime
}

export class Reaper {
  readonly #state: State<Caller>
  readonly #options: ReaperOptions
  #timer: Timer | undefined

  constructor(state: State<Caller>, options: ReaperOptions) {
    this.#state = state
    this.#options = options
  }

  start(): void {
    const { runtime, intervalMs } = this.#options
    this.#timer = runtime.clock.setTimer(intervalMs, () => {
      this.reap()
      this.start()
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  reap(): void {
    const { tree } = this.#state
    // Chosen before any is deleted: a parent that becomes empty by it waits for the next round, as on a real server.
    const over = tree.reapable().filter((path) => this.#isOver(tree.get(path)))
    for (const path of over) this.#state.write(0n, (draft) => draft.apply({ type: 'delete', path }))
  }

  #isOver(node: Znode | undefined): boolean {
    if (node === undefined || node.numChildren > 0) return false
    const age = this.#state.time() - node.mtime
    if (node.owner.kind === 'ttl') return age > node.owner.value
    const { maxNeverUsedMs } = this.#options
    // The raw counter, which wraps: a container with 2^31 children in its life is used, whatever the sign.
    return node.creates !== 0 || (maxNeverUsedMs > 0 && age > BigInt(maxNeverUsedMs))
  }
}
