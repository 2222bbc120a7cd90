/**
 * Writes jute primitives into one growing buffer. Big-endian; strings and buffers are an int32 length and the bytes,
 * −1 for null. A writer is reused: `reset()` and write again, the memory stays.
 */
export class Writer {
  buffer: Buffer
  offset = 0

  constructor(initialBytes = 1024) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes)
  }

  reset(): void {
    this.offset = 0
  }

  /** What was written, as a view: valid until the next write or reset. */
  view(): Buffer {
    return this.buffer.subarray(0, this.offset)
  }

  /** What was written, as a copy of its own. */
  copy(): Buffer {
    return Buffer.from(this.view())
  }

  ensure(bytes: number): void {
    const needed = this.offset + bytes
    if (needed <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
    this.buffer.copy(grown, 0, 0, this.offset)
    this.buffer = grown
  }

  byte(value: number): void {
    this.ensure(1)
    this.buffer[this.offset++] = value & 0xff
  }

  bool(value: boolean): void {
    this.byte(value ? 1 : 0)
  }

  int(value: number): void {
    this.ensure(4)
    this.offset = this.buffer.writeInt32BE(value, this.offset)
  }

  long(value: bigint): void {
    this.ensure(8)
    this.offset = this.buffer.writeBigInt64BE(value, this.offset)
  }

  bytes(value: Uint8Array | null): void {
    if (value === null) return this.int(-1)
    this.int(value.length)
    this.raw(value)
  }

  /** Bytes without a length in front. */
  raw(value: Uint8Array): void {
    this.ensure(value.length)
    this.buffer.set(value, this.offset)
    this.offset += value.length
  }

  string(value: string | null): void {
    if (value === null) return this.int(-1)
    // Three bytes a UTF-16 unit is the most that UTF-8 takes.
    this.ensure(4 + value.length * 3)
    const start = this.offset + 4
    const size = this.#ascii(value, start) ? value.length : this.buffer.write(value, start, 'utf8')
    this.buffer.writeInt32BE(size, this.offset)
    this.offset = start + size
  }

  /** Copies a short ASCII string by hand, which is cheaper than the call into the engine; false if it is not one. */
  #ascii(value: string, start: number): boolean {
    if (value.length > 48) return false
    const { buffer } = this
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) return false
      buffer[start + i] = unit
    }
    return true
  }
}
