/**
 * What a process holds: sockets, servers, timers of Node, and heap. Take a baseline, do something, and see that it has
 * all been given back. Counts everything of the process, so use it where nothing else runs at the same time.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'vitest'

export interface Resources {
  readonly sockets: number
  readonly servers: number
  readonly processes: number
  readonly timers: number
}

export interface Holdings extends Resources {
  readonly heapBytes: number
}

const KINDS: Readonly<Record<string, keyof Resources>> = {
  TCPSocketWrap: 'sockets',
  TLSWrap: 'sockets',
  PipeWrap: 'sockets',
  TCPServerWrap: 'servers',
  ProcessWrap: 'processes',
  Timeout: 'timers',
}

setFlagsFromString('--expose-gc')
export const collectGarbage = runInNewContext('gc') as () => void

export function countResources(): Resources {
  const counted = { sockets: 0, servers: 0, processes: 0, timers: 0 }
  for (const name of process.getActiveResourcesInfo()) {
    const kind = KINDS[name]
    if (kind !== undefined) counted[kind]++
  }
  return counted
}

/** Garbage is collected first. */
export function holdings(): Holdings {
  collectGarbage()
  return { ...countResources(), heapBytes: getHeapStatistics().used_heap_size }
}

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
