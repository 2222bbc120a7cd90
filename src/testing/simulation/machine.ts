/** Where a simulated process lives: it stays when the process dies, and starts it again. */
import type { Link } from './link.js'
import type { SimulatedProcess } from './simulated-process.js'

/** What a process does in each of its lives. */
export type Program = (process: SimulatedProcess) => Promise<void>

export class Machine {
  readonly name: string
  readonly link: Link
  readonly #birth: (life: number) => SimulatedProcess
  readonly #program: Program | undefined
  readonly #ended: (error?: unknown) => void
  #process: SimulatedProcess
  #life = 1

  /** @param ended - told when the program of a life returns, or throws. Not of those that were killed. */
  constructor(
    name: string,
    link: Link,
    birth: (life: number) => SimulatedProcess,
    program: Program | undefined,
    ended: (error?: unknown) => void,
  ) {
    this.name = name
    this.link = link
    this.#birth = birth
    this.#program = program
    this.#ended = ended
    this.#process = birth(1)
  }

  /** In its present life, or the last one while it is down. */
  get process(): SimulatedProcess {
    return this.#process
  }

  /** Runs the program in the present life. */
  start(): void {
    const process = this.#process
    const ifAlive = (error?: unknown): void => {
      if (process.state !== 'dead') this.#ended(error)
    }
    this.#program?.(process).then(() => ifAlive(), ifAlive)
  }

  crash(silent: boolean): void {
    this.#process.kill(silent)
    if (silent) this.link.forget()
  }

  /** After a crash. */
  boot(): void {
    if (this.#process.state !== 'dead') return
    this.#process = this.#birth(++this.#life)
    this.start()
  }
}
