/**
 * What a rate limit allows, judged by the server's own transactions and by the moments at which permits are handed out.
 * It shares no code with the recipe: it knows the layout of the znode, and the promise.
 */
interface Window {
  begin: number
  /** By the asks that the server applied. */
  granted: number
  /** To callers. */
  handedOut: number
}

interface Ask {
  readonly begin: number
  readonly used: number
  readonly ask: number
  readonly least: number
}

/** So many windows are remembered: an answer that is handed out must be of the latest. */
const KEPT = 8

export class RateModel {
  readonly #permits: number
  readonly #intervalMs: number
  readonly #fail: (why: string) => void
  #windows: Window[] = []
  handedOut = 0
  /** What the server granted and nobody was handed: that is allowed, but says how much is lost. */
  granted = 0

  constructor(permits: number, intervalMs: number, fail: (why: string) => void) {
    this.#permits = permits
    this.#intervalMs = intervalMs
    this.#fail = fail
  }

  get windows(): number {
    return this.#windows.length
  }

  /** A write that the server applied, at `time` by its wall clock. */
  write(data: Uint8Array, time: number): void {
    const { begin, used, ask, least } = JSON.parse(Buffer.from(data).toString()) as Ask
    const last = this.#windows.at(-1)
    // The znode was made, and never asked.
    if (ask === 0 && begin === 0) return
    if (last !== undefined && (begin !== last.begin || used !== last.granted))
      this.#fail(`an ask on top of ${begin}/${used}, where ${last.begin}/${last.granted} stands`)
    if (last === undefined || time - last.begin >= this.#intervalMs)
      this.#windows.push({ begin: time, granted: 0, handedOut: 0 })
    const now = this.#windows.at(-1)
    if (now === undefined) return
    if (time < now.begin) now.begin = time
    const free = this.#permits - now.granted
    const grant = least > free ? 0 : Math.min(ask, free)
    now.granted += grant
    this.granted += grant
    if (this.#windows.length > KEPT) this.#windows.shift()
  }

  /** Permits reach a caller, at `time` by the server's wall clock. */
  handOut(count: number, time: number): void {
    const now = this.#windows.findLast(({ begin }) => begin <= time && time < begin + this.#intervalMs)
    this.handedOut += count
    if (now === undefined) return this.#fail(`${count} handed out at ${time}, in no window`)
    now.handedOut += count
    if (now.handedOut > this.#permits)
      this.#fail(`${now.handedOut} of ${this.#permits} handed out in the window from ${now.begin}`)
    if (now.handedOut > now.granted)
      this.#fail(`${now.handedOut} handed out of ${now.granted} granted in the window from ${now.begin}`)
  }
}
