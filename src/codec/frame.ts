/**
 * Frames: an int32 length and that many bytes. The splitter takes chunks as they come from a socket and gives whole
 * frames. It holds at most one frame's worth of bytes, never more than the peer has really sent, and refuses a
 * length over its cap before it buffers any of it.
 */
import { ProtocolError } from '../api/errors.js'
import type { Writer } from './writer.js'

const HEADER_BYTES = 4
const NONE = Buffer.alloc(0)

export class FrameSplitter {
  readonly #maxBytes: number
  /** The first `#held` bytes are those of the frame that is under way. Grows with what comes, not with what is announced. */
  #buffer: Buffer = NONE
  #held = 0
  /** Bytes needed before the next frame is whole, its header included; the header alone while that is not whole. */
  #needed = HEADER_BYTES

  /** @param maxBytes - the largest frame accepted, header not counted. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes waiting for the rest of their frame. */
  get held(): number {
    return this.#held
  }

  /**
   * Takes a chunk and calls `onFrame` for each frame that it completes, with a view that is valid only during the
   * call if the chunk is reused afterwards. `onFrame` returns false to stop (the connection is being dropped).
   * Throws `ProtocolError` on an impossible length.
   */
  push(chunk: Buffer, onFrame: (frame: Buffer) => boolean): void {
    this.scan(chunk, (bytes, start, end) => onFrame(bytes.subarray(start, end)))
  }

  /** As `push`, but says where each frame lies instead of making a view of it. */
  scan(chunk: Buffer, onFrame: (bytes: Buffer, start: number, end: number) => boolean): void {
    let offset = 0
    if (this.#held > 0) {
      offset = this.#fill(chunk)
      if (this.#held < this.#needed) return
      const held = this.#takeHeld()
      if (!onFrame(held, HEADER_BYTES, held.length)) return
    }
    while (chunk.length - offset >= HEADER_BYTES) {
      const end = offset + HEADER_BYTES + this.#length(chunk, offset)
      if (end > chunk.length) break
      if (!onFrame(chunk, offset + HEADER_BYTES, end)) return
      offset = end
    }
    if (offset < chunk.length) this.#hold(chunk, offset)
  }

  /** Adds to the frame that is under way what it still needs; returns how much of the chunk that took. */
  #fill(chunk: Buffer): number {
    let offset = 0
    while (this.#held < this.#needed && offset < chunk.length) {
      const end = Math.min(offset + this.#needed - this.#held, chunk.length)
      this.#grow(this.#held + end - offset)
      this.#held += chunk.copy(this.#buffer, this.#held, offset, end)
      offset = end
      if (this.#needed === HEADER_BYTES && this.#held === HEADER_BYTES)
        this.#needed = HEADER_BYTES + this.#length(this.#buffer, 0)
    }
    return offset
  }

  /** To twice its size at least, so that a frame that comes byte by byte costs time in proportion. */
  #grow(bytes: number): void {
    if (bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(this.#buffer.length * 2, this.#needed)))
    this.#buffer.copy(grown, 0, 0, this.#held)
    this.#buffer = grown
  }

  #takeHeld(): Buffer {
    const frame = this.#buffer.subarray(0, this.#held)
    this.#buffer = NONE
    this.#held = 0
    this.#needed = HEADER_BYTES
    return frame
  }

  #hold(chunk: Buffer, offset: number): void {
    this.#needed = HEADER_BYTES
    this.#fill(chunk.subarray(offset))
  }

  #length(buffer: Buffer, at: number): number {
    const length = buffer.readInt32BE(at)
    if (length < 0 || length > this.#maxBytes) {
      throw new ProtocolError(`frame length ${length} is not between 0 and ${this.#maxBytes}`)
    }
    return length
  }
}

/** Leaves room for a frame's length; give what it returns to {@link endFrame} once the body is written. */
export function beginFrame(writer: Writer): number {
  const start = writer.offset
  writer.int(0)
  return start
}

/** Fills in the length of the frame begun at `start`; returns the length of its body. */
export function endFrame(writer: Writer, start: number): number {
  const length = writer.offset - start - HEADER_BYTES
  writer.buffer.writeInt32BE(length, start)
  return length
}
