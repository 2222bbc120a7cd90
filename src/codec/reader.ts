/**
 * Reads jute primitives from a buffer, in place. Every read is bounds-checked: bytes that can't be right end in
 * `ProtocolError`, never in an engine error, an endless loop or an allocation larger than the input.
 */
import { ProtocolError } from '../api/errors.js'

export class Reader {
  #buffer: Buffer
  /** Of the same bytes: the engine compiles its reads to a load, those of Buffer to calls. */
  #view: DataView
  #offset = 0
  #end: number

  constructor(buffer: Buffer) {
    this.#buffer = buffer
    this.#view = viewOf(buffer)
    this.#end = buffer.length
  }

  /** Starts again on other bytes, or on another part of the same, so that one reader serves a whole connection. */
  reset(buffer: Buffer, start = 0, end = buffer.length): this {
    if (buffer !== this.#buffer) {
      this.#buffer = buffer
      this.#view = viewOf(buffer)
    }
    this.#offset = start
    this.#end = end
    return this
  }

  get remaining(): number {
    return this.#end - this.#offset
  }

  #take(bytes: number): number {
    const at = this.#offset
    if (bytes > this.#end - at) {
      throw new ProtocolError(`record cut short: ${bytes} bytes wanted, ${this.#end - at} left`)
    }
    this.#offset = at + bytes
    return at
  }

  byte(): number {
    const at = this.#take(1)
    return this.#buffer[at] ?? 0
  }

  bool(): boolean {
    return this.byte() !== 0
  }

  int(): number {
    return this.#view.getInt32(this.#take(4))
  }

  long(): bigint {
    return this.#view.getBigInt64(this.#take(8))
  }

  /** A length, checked against what is left. −1 for null. */
  #length(what: string): number {
    const length = this.int()
    if (length < -1 || length > this.remaining) {
      throw new ProtocolError(`${what} length ${length} with ${this.remaining} bytes left`)
    }
    return length
  }

  /** A copy: a view would keep the whole chunk that it came in alive. */
  bytes(): Buffer | null {
    const length = this.#length('buffer')
    if (length === -1) return null
    const at = this.#take(length)
    return Buffer.from(this.#buffer.subarray(at, at + length))
  }

  string(): string | null {
    const length = this.#length('string')
    if (length === -1) return null
    const at = this.#take(length)
    return this.#buffer.toString('utf8', at, at + length)
  }

  /** The count of a vector, checked against what is left (an element takes a byte at least). −1 for null. */
  count(): number {
    const count = this.int()
    if (count < -1 || count > this.remaining) {
      throw new ProtocolError(`vector of ${count} with ${this.remaining} bytes left`)
    }
    return count
  }

  /** Throws if anything is left over: the record was another one than thought. */
  expectEnd(): void {
    if (this.remaining !== 0) throw new ProtocolError(`${this.remaining} bytes left over behind the record`)
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}
