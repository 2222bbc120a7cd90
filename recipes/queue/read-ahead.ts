/**
 * Items that are read before they are claimed, while other claims are under way. Reading is no claim, and changes nothing
 * on the server; a claim is bound to the version that was read.
 *
 * What is read is used at once or not at all: after `FRESH_MS` somebody else may well have had it in his hands. Large
 * items are not read ahead, so that no more memory is taken than by the items themselves.
 */
import type { NodeData, Session, Zk } from '../../src/api/zk.js'
import type { JointReads } from './joint-reads.js'
import type { Candidate } from './layout.js'

const FRESH_MS = 1_000
/** No more is read while so much lies ready. */
const MOST_BYTES = 256 * 1024

interface Reading {
  readonly node: Promise<NodeData>
  readonly session: Session
  readonly at: number
  bytes: number
}

export class ReadAhead {
  readonly #zk: Zk
  readonly #reads: JointReads
  readonly #readings = new Map<string, Reading>()
  #bytes = 0

  constructor(zk: Zk, reads: JointReads) {
    this.#zk = zk
    this.#reads = reads
  }

  /** Sends what is not under way yet. */
  read(candidates: readonly Candidate[], session: Session): void {
    for (const { path } of candidates) {
      if (this.#bytes > MOST_BYTES) return
      if (!this.#readings.has(path)) this.#send(path, session)
    }
  }

  #send(path: string, session: Session): void {
    const node = this.#reads.read(path, session)
    const reading: Reading = { node, session, at: this.#zk.runtime.clock.now(), bytes: 0 }
    this.#readings.set(path, reading)
    node.then(
      ({ data }) => {
        if (this.#readings.get(path) !== reading) return
        reading.bytes = data.length
        this.#bytes += data.length
      },
      () => undefined,
    )
  }

  /** What was read of this one, if it still is of use; else it is read now. Old readings are let go of. */
  async take({ path }: Candidate, session: Session): Promise<NodeData> {
    this.#letGo()
    const reading = this.#readings.get(path)
    if (reading !== undefined) this.#drop(path, reading)
    return reading?.session === session ? reading.node : this.#reads.read(path, session)
  }

  #letGo(): void {
    const oldest = this.#zk.runtime.clock.now() - FRESH_MS
    for (const [path, reading] of this.#readings) {
      if (reading.at >= oldest) return
      this.#drop(path, reading)
    }
  }

  #drop(path: string, reading: Reading): void {
    this.#readings.delete(path)
    this.#bytes -= reading.bytes
  }
}
