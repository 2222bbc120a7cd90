/** A cluster with clients, each a candidate for the same office. */
import { LeaderElection, type Client, type LeaderElectionOptions } from 'latchkey'
import type { StartServerOptions } from 'latchkey/server'
import { Cluster } from './cluster.js'

export const ELECTION = '/app/election'

export interface ElectionStage extends AsyncDisposable {
  readonly cluster: Cluster
  readonly zks: readonly Client[]
  readonly elections: readonly LeaderElection[]
}

export async function electionStage(
  count: number,
  options: LeaderElectionOptions = {},
  server: StartServerOptions = {},
): Promise<ElectionStage> {
  const cluster = await Cluster.start(server)
  const zks: Client[] = []
  for (let i = 0; i < count; i++) zks.push(await cluster.client())
  const elections = zks.map((zk, index) => new LeaderElection(zk, ELECTION, { id: `p${index}`, ...options }))
  return { cluster, zks, elections, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() }
}

/** Follows an election; what it saw, in order. */
export function follow(election: LeaderElection): { seen: (string | undefined)[]; end(): Promise<void> } {
  const abort = new AbortController()
  const seen: (string | undefined)[] = []
  const reading = (async () => {
    for await (const leader of election.observe({ signal: abort.signal })) seen.push(leader?.value)
  })()
  return {
    seen,
    async end() {
      abort.abort()
      await reading
    },
  }
}
