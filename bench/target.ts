/** The servers that are measured against, and what they say of themselves. */
import { fourLetterWord } from './four-letter-word.js'
import { TestEnsemble, TestServer } from 'latchkey/testing'
import type { BenchOptions } from './options.js'

export interface Target extends AsyncDisposable {
  readonly connectString: string
  /** For the header. */
  readonly description: string
  /** Requests that all servers have received so far, pings included. NaN if they don't say. */
  packets(): Promise<{ received: number; sent: number }>
}

export async function startTarget(options: BenchOptions): Promise<Target> {
  if (options.embedded) {
    const server = await TestServer.start()
    const stop = async (): Promise<void> => server[Symbol.asyncDispose]()
    return target(server.connectString, 'the embedded server, in the process of the bench', stop)
  }
  if (options.connect !== undefined) {
    const version = versionIn(await ask(options.connect.split(',')[0] ?? '', 'srvr'))
    return target(
      options.connect,
      `given servers, ZooKeeper ${version}, fsync unknown`,
      async () => undefined,
    )
  }
  process.stderr.write('starting three servers ...\n')
  const ensemble = await TestEnsemble.start({ engine: options.engine, tickTimeMs: 2_000 })
  const given = ensemble.engine === 'given'
  const description = `${ensemble.members.length} servers, ZooKeeper ${ensemble.version}, engine ${ensemble.engine}, ${given ? 'fsync unknown' : 'fsync on'}`
  return target(ensemble.connectString, description, async () => ensemble[Symbol.asyncDispose]())
}

function target(connectString: string, description: string, stop: () => Promise<void>): Target {
  const servers = connectString.replace(/\/.*$/, '').split(',')
  return {
    connectString,
    description,
    async packets() {
      const answers = await Promise.all(servers.map(async (server) => ask(server, 'mntr')))
      const total = (name: string): number =>
        answers.reduce(
          (sum, answer) => sum + Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(answer)?.[1]),
          0,
        )
      return { received: total('zk_packets_received'), sent: total('zk_packets_sent') }
    },
    [Symbol.asyncDispose]: stop,
  }
}

async function ask(server: string, word: string): Promise<string> {
  const colon = server.lastIndexOf(':')
  return fourLetterWord(server.slice(0, colon), Number(server.slice(colon + 1)), word).catch(() => '')
}

const versionIn = (srvr: string): string => /^Zookeeper version: ([\d.]+)/m.exec(srvr)?.[1] ?? 'unknown'
