/**
 * Cuts a stream of bytes into whole frames, their lengths included. What can't be frames (a four-letter word, TLS,
 * garbage) passes as it is from there on: a proxy must carry hostile bytes too, and must hold none of them back.
 */

const HEADER_BYTES = 4

export class FrameGate {
  readonly #maxBytes: number
  #buffer = Buffer.alloc(0)
  #held = 0
  #opaque = false

  /** @param maxBytes - a frame announced as longer is not taken for a frame. It bounds what is held. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Calls back for each frame that the chunk completes, or with bytes that are none. What it gives is its own copy. */
  push(chunk: Buffer, on: { frame: (frame: Buffer) => void; bytes: (bytes: Buffer) => void }): void {
    if (this.#opaque) return on.bytes(chunk)
    this.#append(chunk)
    let offset = 0
    while (this.#held - offset >= HEADER_BYTES) {
      const length = this.#buffer.readInt32BE(offset)
      if (length < 0 || length > this.#maxBytes) {
        this.#opaque = true
        break
      }
      const end = offset + HEADER_BYTES + length
      if (end > this.#held) break
      on.frame(Buffer.from(this.#buffer.subarray(offset, end)))
      offset = end
    }
    this.#buffer.copyWithin(0, offset, this.#held)
    this.#held -= offset
    if (this.#opaque) on.bytes(this.takeRest())
    if (this.#held === 0) this.#buffer = Buffer.alloc(0)
  }

  /** The bytes of a frame that is not whole; forgotten here. */
  takeRest(): Buffer {
    const rest = Buffer.from(this.#buffer.subarray(0, this.#held))
    this.#held = 0
    return rest
  }

  /** To twice its size at least, so that a frame that comes byte by byte costs time in proportion. */
  #append(chunk: Buffer): void {
    const needed = this.#held + chunk.length
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
      this.#buffer.copy(grown, 0, 0, this.#held)
      this.#buffer = grown
    }
    chunk.copy(this.#buffer, this.#held)
    this.#held = needed
  }
}
