/**
 * The clock of one simulated process: its own zero, its own rate (quartz is never quite right), its own calendar. It can
 * be frozen, as a stopped process is: time goes on, and what falls due waits.
 *
 * Not obvious: a process that was stopped and goes on finds timers that are overdue and bytes that have arrived. Which
 * come first depends on where in its event loop it was stopped. So `thaw` is told.
 */
import type { Clock, Timer } from '../../runtime/clock.js'
import type { VirtualClock } from '../../runtime/virtual-clock.js'

/** The virtual clock's own. */
const GRID = 1024

export type ThawOrder = 'timers-first' | 'network-first'

class ProcessTimer implements Timer {
  fn: (() => void) | undefined
  timer: Timer | undefined
  readonly #armed: Set<ProcessTimer>

  constructor(fn: () => void, armed: Set<ProcessTimer>) {
    this.fn = fn
    this.#armed = armed
    armed.add(this)
  }

  cancel(): void {
    this.#armed.delete(this)
    this.timer?.cancel()
    this.fn = undefined
  }

  fire(): void {
    const { fn } = this
    this.#armed.delete(this)
    this.fn = undefined
    fn?.()
  }
}

export class ProcessClock implements Clock {
  readonly #clock: VirtualClock
  readonly #offset: number
  readonly #rate: number
  #wallOffset = 0
  #state: 'running' | 'frozen' | 'dead' = 'running'
  readonly #armed = new Set<ProcessTimer>()
  #overdue: ProcessTimer[] = []
  #arrived: (() => void)[] = []

  /**
   * @param offsetMs - what it shows when the cluster's clock shows 0: monotonic clocks start anywhere.
   * @param driftPpm - by how many millionths it is fast.
   */
  constructor(clock: VirtualClock, offsetMs: number, driftPpm: number) {
    this.#clock = clock
    this.#offset = offsetMs
    this.#rate = 1 + driftPpm / 1e6
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen'
  }

  /** Timers that are armed: a leak check. */
  get pending(): number {
    return this.#armed.size
  }

  now(): number {
    return this.#at(this.#clock.now())
  }

  #at(time: number): number {
    return Math.floor((this.#offset + time * this.#rate) * GRID) / GRID
  }

  wall(): number {
    return this.#clock.wall() + this.#wallOffset
  }

  stepWall(ms: number): void {
    this.#wallOffset += ms
  }

  setTimer(ms: number, fn: () => void): Timer {
    const timer = new ProcessTimer(fn, this.#armed)
    if (this.#state === 'dead') {
      timer.cancel()
      return timer
    }
    timer.timer = this.#clock.setTimer(this.#delayFor(Math.max(ms, 0)), () => {
      if (this.#state === 'frozen') this.#overdue.push(timer)
      else timer.fire()
    })
    return timer
  }

  /** The shortest delay after which this clock has moved on by `ms`: a timer never fires before its time. */
  #delayFor(ms: number): number {
    if (ms === 0) return 0
    const now = this.#clock.now()
    const due = this.now() + ms
    let at = Math.max(now, Math.ceil(((due - this.#offset) / this.#rate) * GRID) / GRID)
    while (this.#at(at) < due) at += 1 / GRID
    return at - now
  }

  defer(fn: () => void): void {
    this.#clock.defer(() => {
      if (this.#state !== 'dead') fn()
    })
  }

  /** Something from the network is here. */
  arrive(fn: () => void): void {
    if (this.#state === 'running') fn()
    else if (this.#state === 'frozen') this.#arrived.push(fn)
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen'
  }

  /** Goes on. What has become due meanwhile comes at once, one after the other. */
  thaw(order: ThawOrder): void {
    if (this.#state !== 'frozen') return
    this.#state = 'running'
    const timers = this.#overdue
    const arrived = this.#arrived
    this.#overdue = []
    this.#arrived = []
    const again = {
      'timers-first': () => {
        for (const timer of timers) this.#soon(timer)
      },
      'network-first': () => {
        for (const fn of arrived) this.#clock.setTimer(0, () => this.arrive(fn))
      },
    }
    again[order]()
    again[order === 'timers-first' ? 'network-first' : 'timers-first']()
  }

  #soon(timer: ProcessTimer): void {
    if (timer.fn === undefined) return
    timer.timer = this.#clock.setTimer(0, () => {
      if (this.#state === 'frozen') this.#overdue.push(timer)
      else timer.fire()
    })
  }

  /** Nothing fires any more, ever. */
  kill(): void {
    this.#state = 'dead'
    for (const timer of [...this.#armed]) timer.cancel()
    this.#overdue = []
    this.#arrived = []
  }
}
