/**
 * What a rate limit allows, judged by the server's own transactions and by the moments at which permits are handed out.
 * It shares no code with the recipe: it knows the layout of the znode, and the promise.
 */
interface Window {
  /** By the server's wall clock. */
  begin: number
  /** By a clock that is never set: when the first ask of it was applied, */
  readonly fromMs: number
  /** and when it is over, as the wall clock was going at its latest ask. */
  untilMs: number
  /** By the asks that the server applied. */
  granted: number
  /** What it may grant: the permits, and what was carried on to it. */
  readonly room: number
  /** To callers. */
  handedOut: number
}

interface Ask {
  readonly begin: number
  readonly used: number
  readonly ask: number
  readonly least: number
}

/** So many windows are remembered. */
const KEPT = 32

export class RateModel {
  readonly #permits: number
  readonly #burst: number
  readonly #intervalMs: number
  readonly #fail: (why: string) => void
  #windows: Window[] = []
  handedOut = 0
  /** What the server granted and nobody was handed: that is allowed, but says how much is lost. */
  granted = 0

  constructor(permits: number, intervalMs: number, fail: (why: string) => void, burst = permits) {
    this.#permits = permits
    this.#burst = burst
    this.#intervalMs = intervalMs
    this.#fail = fail
  }

  get windows(): number {
    return this.#windows.length
  }

  /** A write that the server applied at `time` by its wall clock, and `atMs` by one that is never set. */
  write(data: Uint8Array, time: number, atMs: number): void {
    const { begin, used, ask, least } = JSON.parse(Buffer.from(data).toString()) as Ask
    const last = this.#windows.at(-1)
    if (last !== undefined && (begin !== last.begin || used !== last.granted))
      this.#fail(`an ask on top of ${begin}/${used}, where ${last.begin}/${last.granted} stands`)
    if (last === undefined || time - last.begin >= this.#intervalMs) {
      const passed = last === undefined ? Infinity : Math.floor((time - last.begin) / this.#intervalMs)
      const left = last === undefined ? 0 : last.room - last.granted
      const room = Math.min(this.#burst, left + passed * this.#permits)
      this.#windows.push({ begin: time, fromMs: atMs, untilMs: 0, granted: 0, room, handedOut: 0 })
    }
    const now = this.#windows.at(-1)
    if (now === undefined) return
    now.begin = Math.min(now.begin, time)
    now.untilMs = Math.max(now.untilMs, atMs + now.begin + this.#intervalMs - time)
    const free = now.room - now.granted
    const grant = least > free ? 0 : Math.min(ask, free)
    now.granted += grant
    this.granted += grant
    if (this.#windows.length > KEPT) this.#windows.shift()
  }

  /** Permits reach a caller. Only if the wall clock was set forward can they be of two windows: then of the older. */
  handOut(count: number, atMs: number): void {
    this.handedOut += count
    const open = this.#windows.filter(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs)
    const of = open.find(({ granted, handedOut }) => handedOut + count <= granted)
    if (of !== undefined) of.handedOut += count
    else this.#fail(`${count} handed out at ${atMs}, where ${JSON.stringify(open)} was open`)
  }
}
