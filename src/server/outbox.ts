/**
 * What a connection has to say, gathered over one tick and handed to the network in one piece.
 *
 * Invariants: bytes leave in the order they were written; `schedule` is asked for once a tick; nothing leaves while
 * it is held back, and nothing at all once it is muted.
 */
import { beginFrame, endFrame } from '../codec/frame.js'
import { Writer } from '../codec/writer.js'
import type { Clock, Timer } from '../runtime/clock.js'
import type { Connection } from '../transport/transport.js'

/** A pending buffer up to this size is copied out and kept; a larger one is given away. */
const KEEP_BYTES = 16 * 1024
const REPLY_HEADER_BYTES = 16

export class Outbox {
  readonly #wire: Connection
  readonly #clock: Clock
  readonly #schedule: () => void
  readonly #writer = new Writer()
  #isScheduled = false
  #isMuted = false
  #held: Timer | undefined
  /** Frames written. */
  sent = 0

  /** @param schedule - has {@link endTick} called at the end of the tick. */
  constructor(wire: Connection, clock: Clock, schedule: () => void) {
    this.#wire = wire
    this.#clock = clock
    this.#schedule = schedule
  }

  /** Bytes that the peer has not taken. */
  get waiting(): number {
    return this.#writer.offset + this.#wire.buffered
  }

  get isHeld(): boolean {
    return this.#held !== undefined
  }

  get isMuted(): boolean {
    return this.#isMuted
  }

  /** A frame of what `write` puts into the writer. */
  frame(write: (writer: Writer) => void): void {
    const start = beginFrame(this.#writer)
    write(this.#writer)
    endFrame(this.#writer, start)
    this.#wrote()
  }

  /** A reply or an event: header, then what `write` puts into the writer. */
  message(xid: number, zxid: bigint, err: number, write: (writer: Writer) => void): void {
    const out = this.#writer
    const start = beginFrame(out)
    out.int(xid)
    out.long(zxid)
    out.int(err)
    write(out)
    endFrame(out, start)
    this.#wrote()
  }

  /** A reply that is a header and nothing more. */
  header(xid: number, zxid: bigint, err: number): void {
    const out = this.#writer
    out.int(REPLY_HEADER_BYTES)
    out.int(xid)
    out.long(zxid)
    out.int(err)
    this.#wrote()
  }

  /** Bytes that are no frame. */
  raw(bytes: Buffer): void {
    this.#writer.raw(bytes)
    this.#wrote()
  }

  #wrote(): void {
    this.sent++
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#schedule()
  }

  endTick(): void {
    this.#isScheduled = false
    this.flush()
  }

  flush(): void {
    const out = this.#writer
    if (this.#isMuted) out.reset()
    if (out.offset === 0 || this.#held !== undefined) return
    if (out.buffer.length <= KEEP_BYTES) {
      this.#wire.write(out.copy())
    } else {
      this.#wire.write(out.view())
      out.buffer = Buffer.allocUnsafeSlow(1024)
    }
    out.reset()
  }

  /** Lets what is written so far go; what comes then waits for `delayMs`. `then` is called when it has gone. */
  hold(delayMs: number, then: () => void): void {
    this.flush()
    this.#held?.cancel()
    this.#held = this.#clock.setTimer(delayMs, () => {
      this.#held = undefined
      this.flush()
      then()
    })
  }

  /** From here on nothing leaves. */
  mute(): void {
    this.flush()
    this.#isMuted = true
  }

  /** The connection is over. */
  close(): void {
    this.#held?.cancel()
    this.#held = undefined
    this.#isMuted = true
    this.#writer.reset()
  }
}
