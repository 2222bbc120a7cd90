/** Processes of several kinds count on one znode, or go through the same double barriers, and tell what they saw. */
import { Peer, type PeerLine } from './peer.js'

type Command = readonly string[]

interface Contender {
  readonly name: string
  readonly command: Command
}

async function runAll(
  commands: readonly Contender[],
  accompany?: (peers: readonly Peer[]) => Promise<void>,
): Promise<(readonly PeerLine[])[]> {
  const peers = commands.map(({ name, command }) => new Peer(name, command))
  try {
    await Promise.all(peers.map(async (peer) => peer.ready))
    for (const peer of peers) peer.go()
    await accompany?.(peers)
    return await Promise.all(peers.map(async (peer) => peer.done))
  } finally {
    await Promise.all(peers.map(async (peer) => peer[Symbol.asyncDispose]()))
  }
}

/** The sums that were told, smallest first. */
export async function countTogether(commands: readonly Contender[]): Promise<number[]> {
  const lines = (await runAll(commands)).flat()
  const told = lines.filter(
    ({ event, value }) => event === 'counted' && value !== null && value !== undefined,
  )
  return told.map(({ value }) => Number(value)).sort((a, b) => a - b)
}

/**
 * What went wrong, in words: somebody entered before all had come, or left before all were done. The processes wait to
 * be told before they leave: each round they are told when all have entered.
 *
 * @param exact - who is held to leaving together; Curator's members are not: its `leave` returns while one other is there.
 */
export async function passInStep(
  commands: readonly Contender[],
  rounds: number,
  exact: string,
): Promise<string[]> {
  const histories = await runAll(commands, async (peers) => {
    for (let round = 0; round < rounds; round++) {
      const entered = (line: PeerLine): boolean => line.event === 'entered' && line['round'] === round
      await Promise.all(peers.map(async (peer) => peer.heard(entered)))
      for (const peer of peers) peer.tell('leave')
    }
  })
  const own = histories.filter((_, i) => commands[i]?.name === exact).flat()
  return judge(histories, own, rounds)
}

function judge(
  histories: readonly (readonly PeerLine[])[],
  exact: readonly PeerLine[],
  rounds: number,
): string[] {
  const passesOf = (lines: readonly PeerLine[], round: number): PeerLine[] =>
    lines.filter((line) => line.event === 'passed' && line['round'] === round)
  const times = (passes: readonly PeerLine[], field: string): bigint[] =>
    passes.map((pass) => BigInt(pass[field] as string | number))
  const max = (values: readonly bigint[]): bigint => values.reduce((a, b) => (a > b ? a : b), 0n)
  const min = (values: readonly bigint[]): bigint => values.reduce((a, b) => (a < b ? a : b))
  const wrong: string[] = []
  for (let round = 0; round < rounds; round++) {
    const all = passesOf(histories.flat(), round)
    if (all.length !== histories.length)
      wrong.push(`round ${round}: ${all.length} of ${histories.length} passed`)
    else if (max(times(all, 'asked')) > min(times(all, 'entered')))
      wrong.push(`round ${round}: entered before all came`)
    else if (max(times(all, 'leaving')) > min(times(passesOf(exact, round), 'left')))
      wrong.push(`round ${round}: left before all were done`)
  }
  return wrong
}
