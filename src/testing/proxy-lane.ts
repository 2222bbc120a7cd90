/**
 * One direction of a proxied connection: bytes in, and, later, slower or in pieces, the same bytes out, in order. What
 * ends a connection travels in the same line, so it overtakes nothing.
 *
 * Holds at most {@link HIGH_WATER} bytes and one read: then its source is not read until the line is shorter, and TCP
 * slows the sender.
 */
import type { Socket } from 'node:net'
import type { Runtime } from '../runtime/runtime.js'
import type { Timer } from '../runtime/clock.js'

const HIGH_WATER = 256 * 1024

/** How bytes travel in one direction. */
export interface LinkShape {
  /** Each chunk arrives this much later. Default 0. */
  readonly latencyMs?: number | undefined
  /** Up to this much more, by chance; order is kept. Default 0. */
  readonly jitterMs?: number | undefined
  /** At most so many bytes at a time, each time a segment of its own. Default: as they come. */
  readonly pieceBytes?: number | undefined
  /** Between two such pieces. Default 0: as soon as a timer allows. */
  readonly pieceIntervalMs?: number | undefined
}

interface Bytes {
  readonly due: number
  bytes: Buffer
}
type Item = Bytes | { readonly due: number; readonly act: () => void }

export class ProxyLane {
  readonly #runtime: Runtime
  readonly #source: Socket
  readonly #target: Socket
  readonly #shape: () => LinkShape
  readonly #isHeld: () => boolean
  #items: Item[] = []
  #bytes = 0
  #timer: Timer | undefined
  #notBefore = 0
  #draining = false
  #closed = false

  constructor(
    runtime: Runtime,
    source: Socket,
    target: Socket,
    how: { readonly shape: () => LinkShape; readonly isHeld: () => boolean },
  ) {
    this.#runtime = runtime
    this.#source = source
    this.#target = target
    this.#shape = how.shape
    this.#isHeld = how.isHeld
    target.on('drain', () => {
      this.#draining = false
      this.pump()
    })
  }

  send(bytes: Buffer): void {
    if (this.#closed || bytes.length === 0) return
    this.#bytes += bytes.length
    this.#items.push({ due: this.#due(), bytes })
    if (this.#bytes > HIGH_WATER) this.#source.pause()
    this.pump()
  }

  /** Done when all that was sent before has gone. */
  then(act: () => void): void {
    if (this.#closed) return
    this.#items.push({ due: this.#due(), act })
    this.pump()
  }

  /** Sends what is due; to be called when what holds it back is over. */
  pump(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    while (!this.#closed && !this.#draining && !this.#isHeld()) {
      const [item] = this.#items
      if (item === undefined) break
      const wait = Math.max(item.due, this.#notBefore) - this.#runtime.clock.now()
      if (wait > 0) {
        this.#timer = this.#runtime.clock.setTimer(wait, () => this.pump())
        break
      }
      if ('act' in item) {
        this.#items.shift()
        item.act()
      } else this.#write(item)
    }
    if (this.#bytes <= HIGH_WATER / 2 && !this.#closed && this.#source.isPaused()) this.#source.resume()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#items = []
    this.#bytes = 0
  }

  #write(item: Bytes): void {
    const { pieceBytes, pieceIntervalMs = 0 } = this.#shape()
    const piece = item.bytes.subarray(0, pieceBytes ?? item.bytes.length)
    item.bytes = item.bytes.subarray(piece.length)
    if (item.bytes.length === 0) this.#items.shift()
    this.#bytes -= piece.length
    // A timer between the pieces, or the kernel would hand over several as one.
    if (pieceBytes !== undefined) this.#notBefore = this.#runtime.clock.now() + Math.max(pieceIntervalMs, 0.1)
    if (this.#target.writable && !this.#target.write(piece)) this.#draining = !this.#target.destroyed
  }

  #due(): number {
    const { latencyMs = 0, jitterMs = 0 } = this.#shape()
    const now = this.#runtime.clock.now()
    const due = now + latencyMs + (jitterMs > 0 ? this.#runtime.random.next() * jitterMs : 0)
    return Math.max(due, this.#items.at(-1)?.due ?? 0)
  }
}
