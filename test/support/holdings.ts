/** What a process holds: sockets, servers, child processes, timers of Node, and heap. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

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
