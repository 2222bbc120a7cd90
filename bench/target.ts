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

export async function startTarget(
  options: Pick<BenchOptions, 'embedded' | 'connect' | 'engine'>,
): Promise<Target> {
  if (options.embedded) {
    const server = await TestServer.start()
    const stop = async (): Promise<void> => server[Symbol.asyncDispose]()
    return targetAt(server.connectString, 'the embedded server, in the process of the bench', stop)
  }
  if (options.connect !== undefined) {
    const version = versionIn(await ask(options.connect.split(',')[0] ?? '', 'srvr'))
    return targetAt(
      options.connect,
      `given servers, ZooKeeper ${version}, fsync unknown`,
      async () => undefined,
    )
  }
  process.stderr.write('starting three servers ...\n')
  return startEnsemble(options.engine, 3)
}

export async function startEnsemble(engine: BenchOptions['engine'], servers: number): Promise<Target> {
  const ensemble = await TestEnsemble.start({ engine, servers, tickTimeMs: 2_000 })
  const given = ensemble.engine === 'given'
  const description = `${ensemble.members.length} servers, ZooKeeper ${ensemble.version}, engine ${ensemble.engine}, ${given ? 'fsync unknown' : 'fsync on'}`
  return targetAt(ensemble.connectString, description, async () => ensemble[Symbol.asyncDispose]())
}

/** The one of an ensemble that all subjects use. */
export const firstServer = ({ connectString }: Pick<Target, 'connectString'>): string =>
  connectString.split(',')[0] ?? connectString

export function targetAt(connectString: string, description: string, stop: () => Promise<void>): Target {
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
