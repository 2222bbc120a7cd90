/**
 * A store outside of ZooKeeper that fences: it refuses whoever comes with a token lower than one that it has seen. A
 * number in it is counted up by reading and writing, so two at the same time would lose one.
 */
export class FencedStore {
  #seen = 0n
  #value = 0
  #writes = 0

  /** Undefined: refused. */
  read(token: bigint): number | undefined {
    return this.#admits(token) ? this.#value : undefined
  }

  write(token: bigint, value: number): boolean {
    if (!this.#admits(token)) return false
    this.#value = value
    this.#writes++
    return true
  }

  /** Updates that were accepted and then overwritten by who had not seen them. */
  get lost(): number {
    return this.#writes - this.#value
  }

  #admits(token: bigint): boolean {
    if (token < this.#seen) return false
    this.#seen = token
    return true
  }
}
