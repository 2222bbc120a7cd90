/** Servers that are killed, stopped, restarted, and parted. Each is whole again when its fault is over. */
import { shuffle, type Random } from '../../../src/runtime/random.js'
import type { EnsembleMember } from '../../../src/testing/index.js'
import type { Stage } from '../stage.js'
import { pick, type Fault, type Turn } from './fault.js'

async function leaderOf({ ensemble }: Stage): Promise<EnsembleMember | undefined> {
  return ensemble.leader()
}

async function followerOf({ ensemble }: Stage, random: Random): Promise<EnsembleMember | undefined> {
  const leader = await ensemble.leader()
  return pick(
    random,
    ensemble.members.filter((member) => member !== leader),
  )
}

type Choice = (stage: Stage, random: Random) => Promise<EnsembleMember | undefined>

function killed(kind: string, weight: number, choose: Choice): Fault {
  const run = async ({ stage, random, pause }: Turn): Promise<string | undefined> => {
    const member = await choose(stage, random)
    if (member === undefined) return undefined
    await member.kill()
    await pause(100, 1_500)
    await member.restart()
    return `server ${member.id}`
  }
  return { kind, track: 'server', weight, processes: 1, run }
}

/** From less than anybody notices to more than a session. */
function stopped(kind: string, weight: number, choose: Choice): Fault {
  const run = async ({ stage, random, pause }: Turn): Promise<string | undefined> => {
    const member = await choose(stage, random)
    if (member === undefined) return undefined
    await member.pause()
    try {
      await pause(200, stage.options.sessionTimeoutMs + 500)
    } finally {
      await member.resume()
    }
    return `server ${member.id}`
  }
  return { kind, track: 'server', weight, processes: 1, run }
}

function quorumLost(
  kind: string,
  weight: number,
  lengthMs: (stage: Stage) => readonly [number, number],
): Fault {
  const run = async ({ stage, random, pause }: Turn): Promise<string> => {
    const two = shuffle(stage.ensemble.members, random).slice(0, 2)
    await Promise.all(two.map(async (member) => member.kill()))
    await pause(...lengthMs(stage))
    await Promise.all(two.map(async (member) => member.restart()))
    return `servers ${two.map(({ id }) => id).join(' and ')}`
  }
  return { kind, track: 'server', weight, processes: 2, run }
}

async function rollingRestart({ stage, pause }: Turn): Promise<string> {
  for (const member of stage.ensemble.members) {
    await member.restart()
    await stage.ensemble.waitForQuorum()
    await pause(50, 300)
  }
  return 'all servers'
}

async function cutFollower({ stage, random, pause }: Turn): Promise<string | undefined> {
  const { ensemble } = stage
  const leader = await ensemble.leader()
  const follower = await followerOf(stage, random)
  if (leader === undefined || follower === undefined) return undefined
  ensemble.cutLink(leader, follower)
  await pause(300, stage.options.sessionTimeoutMs + 1_000)
  await ensemble.healLinks()
  return `server ${follower.id} from ${leader.id}`
}

export const serverFaults: readonly Fault[] = [
  killed('kill leader', 3, leaderOf),
  killed('kill follower', 2, followerOf),
  stopped('stop leader', 3, leaderOf),
  stopped('stop follower', 2, followerOf),
  { kind: 'rolling restart', track: 'server', weight: 1, processes: 3, run: rollingRestart },
  quorumLost('quorum lost, short', 1.5, () => [200, 1_000]),
  quorumLost('quorum lost, longer than a session', 1, ({ options }) => [
    options.sessionTimeoutMs + 500,
    options.sessionTimeoutMs + 1_500,
  ]),
]

/** Where the servers' links can be cut. */
export const partition: Fault = {
  kind: 'follower cut from leader',
  track: 'server',
  weight: 3,
  processes: 0,
  run: cutFollower,
}
