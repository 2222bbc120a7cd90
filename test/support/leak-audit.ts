/**
 * What a process holds: sockets, servers, timers of Node, and heap. Take a baseline, do something, and see that it has
 * all been given back. Counts everything of the process, so use it where nothing else runs at the same time.
 */
import { expect } from 'vitest'
import { holdings, type Holdings } from './holdings.js'

export class LeakAudit {
  readonly #before: Holdings

  constructor() {
    this.#before = holdings()
  }

  /** Sockets, servers and timers are no more than at the start, once those that are being closed are gone. */
  async expectNothingLeft(): Promise<Holdings> {
    let now = holdings()
    for (let turn = 0; turn < 200 && this.#exceeds(now); turn++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve)
      })
      now = holdings()
    }
    const { sockets, servers, timers } = this.#before
    expect({ sockets: now.sockets, servers: now.servers, timers: now.timers }).toEqual({
      sockets: Math.min(now.sockets, sockets),
      servers: Math.min(now.servers, servers),
      timers: Math.min(now.timers, timers),
    })
    return now
  }

  #exceeds({ sockets, servers, timers }: Holdings): boolean {
    const before = this.#before
    return sockets > before.sockets || servers > before.servers || timers > before.timers
  }
}
