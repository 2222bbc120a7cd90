/** Workers that are stopped, killed and replaced, made to stand still, and whose sessions end behind their backs. */
import { now } from '../history.js'
import { stallPoints } from '../messages.js'
import type { Stage, Staff } from '../stage.js'
import { pick, type Fault, type Turn } from './fault.js'

function anybody({ stage, random }: Turn): Staff | undefined {
  return pick(
    random,
    stage.staff.filter(({ worker }) => !worker.isPaused && !worker.isGone && worker.sessions.size > 0),
  )
}

async function stopFor(turn: Turn, fromMs: number, toMs: number): Promise<string | undefined> {
  const chosen = anybody(turn)
  if (chosen === undefined) return undefined
  chosen.worker.pause()
  try {
    await turn.pause(fromMs, toMs)
  } finally {
    chosen.worker.resume()
  }
  return chosen.worker.name
}

const pastSession = ({ options }: Stage): readonly [number, number] => [
  options.sessionTimeoutMs + 200,
  options.sessionTimeoutMs + 1_500,
]

async function kill(turn: Turn): Promise<string | undefined> {
  const chosen = anybody(turn)
  if (chosen === undefined) return undefined
  const { stage } = turn
  const { name } = chosen.worker
  stage.history.write({ e: 'killed', t: now(), w: name })
  await chosen.worker.kill()
  await stage.dismiss(chosen)
  await turn.pause(0, 500)
  await stage.spawn()
  return name
}

async function stall(turn: Turn): Promise<string | undefined> {
  const chosen = anybody(turn)
  const at = pick(turn.random, stallPoints)
  if (chosen === undefined || at === undefined) return undefined
  const { sessionTimeoutMs } = turn.stage.options
  // As often for longer than the session lasts as for less.
  const ms = Math.floor(50 + turn.random.next() * 2 * (sessionTimeoutMs + 500))
  chosen.worker.stall(at, ms)
  await turn.pause(ms)
  return `${chosen.worker.name} when ${at}, ${ms} ms`
}

async function expire(turn: Turn): Promise<string | undefined> {
  const chosen = anybody(turn)
  const session = pick(turn.random, [...(chosen?.worker.sessions.values() ?? [])])
  if (session === undefined) return undefined
  const id = BigInt(session.id)
  const password = Buffer.from(session.password, 'base64')
  // No server may be there to say whether it is done; where it was over before, nothing was.
  const known = await turn.stage.ensemble.killSession(id, password).catch(() => true)
  return known ? id.toString(16) : undefined
}

export const workerFaults: readonly Fault[] = [
  {
    kind: 'stop worker, short',
    track: 'worker',
    weight: 3,
    processes: 1,
    run: async (turn) => stopFor(turn, 100, 1_500),
  },
  {
    kind: 'stop worker, longer than its session',
    track: 'worker',
    weight: 2,
    processes: 1,
    run: async (turn) => stopFor(turn, ...pastSession(turn.stage)),
  },
  { kind: 'kill worker', track: 'worker', weight: 2, processes: 1, run: kill },
  { kind: 'stall event loop', track: 'worker', weight: 3, processes: 0, run: stall },
  { kind: 'expire session', track: 'worker', weight: 3, processes: 0, run: expire },
]
