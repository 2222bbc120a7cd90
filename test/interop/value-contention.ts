/** Processes of several kinds count on one znode, or go through the same double barriers, and tell what they saw. */
import { Peer, type PeerLine } from './peer.js'

type Command = readonly string[]

async function runAll(
  commands: readonly { name: string; command: Command }[],
): Promise<(readonly PeerLine[])[]> {
  const peers = commands.map(({ name, command }) => new Peer(name, command))
  try {
    await Promise.all(peers.map(async (peer) => peer.ready))
    for (const peer of peers) peer.go()
    return await Promise.all(peers.map(async (peer) => peer.done))
  } finally {
    await Promise.all(peers.map(async (peer) => peer[Symbol.asyncDispose]()))
  }
}

/** The sums that were told, smallest first. */
export async function countTogether(
  commands: readonly { name: string; command: Command }[],
): Promise<number[]> {
  const lines = (await runAll(commands)).flat()
  const told = lines.filter(
    ({ event, value }) => event === 'counted' && value !== null && value !== undefined,
  )
  return told.map(({ value }) => Number(value)).sort((a, b) => a - b)
}

/** What went wrong, in words: somebody entered before all had come, or left before all were done. */
export async function passTogether(
  commands: readonly { name: string; command: Command }[],
  rounds: number,
): Promise<string[]> {
  const passes = (await runAll(commands)).flat().filter(({ event }) => event === 'passed')
  const wrong: string[] = []
  for (let round = 0; round < rounds; round++) {
    const own = passes.filter((pass) => pass['round'] === round)
    const times = (field: string): bigint[] => own.map((pass) => BigInt(pass[field] as string | number))
    const max = (values: readonly bigint[]): bigint => values.reduce((a, b) => (a > b ? a : b), 0n)
    const min = (values: readonly bigint[]): bigint => values.reduce((a, b) => (a < b ? a : b))
    if (own.length !== commands.length)
      wrong.push(`round ${round}: ${own.length} of ${commands.length} passed`)
    else if (max(times('asked')) > min(times('entered')))
      wrong.push(`round ${round}: entered before all came`)
    else if (max(times('leaving')) > min(times('left')))
      wrong.push(`round ${round}: left before all were done`)
  }
  return wrong
}
