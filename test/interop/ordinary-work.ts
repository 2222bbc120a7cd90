/** Runs a peer that does its client's ordinary work, and gives the names of what it checked. */
import { Peer } from './peer.js'

/** @throws an error that lists what failed, with the peer's own words. */
export async function ordinaryWork(name: string, command: readonly string[]): Promise<string[]> {
  await using peer = new Peer(name, command)
  const lines = await peer.done
  const checks = lines.filter(({ event }) => event === 'check')
  const failed = checks.filter(({ ok }) => ok !== true)
  if (failed.length > 0) {
    throw new Error(failed.map((check) => `${String(check['name'])}: ${String(check['error'])}`).join('\n'))
  }
  return checks.map((check) => String(check['name']))
}
