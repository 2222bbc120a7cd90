/**
 * What can go wrong in a simulated cluster, as data: a fault plan is a list of these, which a seed makes, and which can
 * be cut down to those that matter.
 */
import type { Random } from '../../runtime/random.js'
import type { Direction } from './link.js'

/** What befalls one process, or the way between it and the servers. */
export type ProcessFault =
  /** Its connections are reset: both ends hear of it. */
  | { readonly kind: 'reset' }
  /** The connection breaks before a request is applied: the next one, after so many others. */
  | { readonly kind: 'requestLost'; readonly skip: number }
  /** A request is applied (the next one, after so many others), and the connection breaks before the reply. */
  | { readonly kind: 'replyLost'; readonly skip: number }
  /** Nothing gets through in these directions; one direction alone is a half-open connection. */
  | { readonly kind: 'partition'; readonly directions: readonly Direction[]; readonly forMs: number }
  /** Every chunk takes so much longer. */
  | { readonly kind: 'slow'; readonly addedMs: number; readonly forMs: number }
  /** The process stands still: no timer, no callback. As SIGSTOP, a long garbage collection, a suspended machine. */
  | { readonly kind: 'stall'; readonly forMs: number; readonly networkFirst: boolean }
  /** The process dies and is started again. Silent: the machine is gone, and nobody closes its connections. */
  | { readonly kind: 'crash'; readonly silent: boolean; readonly downMs: number }
  /** Its session is ended on the server, as by an operator, whatever it is doing. */
  | { readonly kind: 'expire' }
  /** An operator deletes one of its ephemeral znodes. `pick`, from 0 to 1, says which. */
  | { readonly kind: 'delete'; readonly pick: number }
  /** Its calendar steps. Nothing may come of that. */
  | { readonly kind: 'wallStep'; readonly byMs: number }

export type FaultKind = ProcessFault['kind'] | 'restart' | 'serverWallStep'

export type SimulatedFault =
  | (ProcessFault & { readonly atMs: number; readonly process: string })
  /** The server goes down, and comes back with its znodes and sessions. Silent: as if its machine were gone. */
  | { readonly kind: 'restart'; readonly atMs: number; readonly downMs: number; readonly silent: boolean }
  | { readonly kind: 'serverWallStep'; readonly atMs: number; readonly byMs: number }

/**
 * In place of a process's name: whoever then owns the ephemeral znode with the lowest sequence number, which is mostly who
 * holds what the others wait for.
 */
export const FRONT = '(in front)'

/** How often each kind comes, as weights. */
export type FaultMix = Readonly<Partial<Record<FaultKind, number>>>

export const DEFAULT_MIX: FaultMix = {
  reset: 20,
  requestLost: 20,
  replyLost: 30,
  partition: 8,
  slow: 4,
  stall: 8,
  crash: 3,
  expire: 3,
  delete: 3,
  restart: 1,
  wallStep: 3,
  serverWallStep: 1,
}

export interface FaultPlanOptions {
  readonly processes: readonly string[]
  /** From one to the next on average, in milliseconds. */
  readonly everyMs: number
  readonly mix?: FaultMix | undefined
  /** Durations are drawn around it: some well below, some beyond. */
  readonly sessionTimeoutMs: number
}

const HOUR_MS = 3_600_000

/** An endless plan, in order of time. */
export function* planFaults(random: Random, options: FaultPlanOptions): Generator<SimulatedFault> {
  const mix = Object.entries({ ...(options.mix ?? DEFAULT_MIX) }) as [FaultKind, number][]
  const total = mix.reduce((sum, [, weight]) => sum + weight, 0)
  for (let atMs = 0; ;) {
    // Exponential: bursts and pauses, as accidents come.
    atMs += -Math.log(1 - random.next()) * options.everyMs
    let at = random.next() * total
    const [kind] = mix.find(([, weight]) => (at -= weight) < 0) ?? ['reset']
    yield drawFault(kind, Math.round(atMs), random, options)
  }
}

function drawFault(
  kind: FaultKind,
  atMs: number,
  random: Random,
  { processes, sessionTimeoutMs }: FaultPlanOptions,
): SimulatedFault {
  const below = (limit: number): number => Math.floor(random.next() * limit)
  const byMs = below(2) === 0 ? HOUR_MS : -HOUR_MS
  /** Mostly a moment, sometimes about as long as a session, or longer. */
  const duration = (): number => {
    const pick = below(8)
    if (pick < 4) return 1 + below(sessionTimeoutMs / 20)
    return pick < 6 ? below(sessionTimeoutMs) : sessionTimeoutMs + below(sessionTimeoutMs)
  }
  if (kind === 'restart') return { kind, atMs, downMs: duration(), silent: below(2) === 0 }
  if (kind === 'serverWallStep') return { kind, atMs, byMs }
  // Half of them at random would hardly ever meet who holds.
  const drawn = processes[below(processes.length)] ?? ''
  const process = below(2) === 0 ? FRONT : drawn
  return { atMs, process, ...drawProcessFault(kind, below, duration, byMs) }
}

function drawProcessFault(
  kind: ProcessFault['kind'],
  below: (limit: number) => number,
  duration: () => number,
  byMs: number,
): ProcessFault {
  switch (kind) {
    case 'partition': {
      const ways: readonly (readonly Direction[])[] = [['toServer', 'toClient'], ['toServer'], ['toClient']]
      return { kind, directions: ways[below(3)] ?? [], forMs: duration() }
    }
    case 'slow':
      return { kind, addedMs: 1 + below(300), forMs: duration() }
    case 'requestLost':
    case 'replyLost':
      return { kind, skip: below(4) }
    case 'stall':
      return { kind, forMs: duration(), networkFirst: below(2) === 0 }
    case 'crash':
      return { kind, silent: below(2) === 0, downMs: duration() }
    case 'wallStep':
      return { kind, byMs }
    case 'delete':
      return { kind, pick: below(1_000) / 1_000 }
    default:
      return { kind }
  }
}

/** In words, for a report. */
export function describeFault(fault: SimulatedFault): string {
  const { kind, atMs, ...rest } = fault
  const details = Object.entries(rest).map(([key, value]) => `${key} ${String(value)}`)
  return `at ${atMs} ms: ${[kind, ...details].join(', ')}`
}
