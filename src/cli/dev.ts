/**
 * `latchkey dev`: the embedded server in the foreground, until SIGINT or SIGTERM.
 *
 * Standard output carries the connect string alone (one JSON line with `--json`), once the server takes connections;
 * everything else goes to standard error, so that a script can read what it needs from a pipe.
 */
import { parseArgs } from 'node:util'
import { type EmbeddedServer, startServer } from '../server/index.js'
import { type Command, UsageError } from './command.js'

const DEFAULT_PORT = 2181
const DEFAULT_HOST = '127.0.0.1'

interface DevOptions {
  readonly port: number
  readonly host: string
  readonly dataDir: string | undefined
  readonly json: boolean
}

function portFrom(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new UsageError(`--port must be a whole number from 0 to 65535, got "${text}"`)
  return port
}

function parse(args: readonly string[]): DevOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: String(DEFAULT_PORT) },
      host: { type: 'string', default: DEFAULT_HOST },
      'data-dir': { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const { port, host, json, 'data-dir': dataDir } = values
  if (host === '') throw new UsageError('--host must not be empty')
  if (dataDir === '') throw new UsageError('--data-dir must not be empty')
  return { port: portFrom(port), host, dataDir, json }
}

/** What the system's refusal to listen means to who typed the command. */
function explain(error: unknown, { host, port }: DevOptions): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const meaning: Record<string, string> = {
    EADDRINUSE: `port ${port} on ${host} is in use: choose another with --port, or --port 0 for any free one`,
    EACCES: `port ${port} on ${host} is not allowed to this user: choose one above 1023 with --port`,
    EADDRNOTAVAIL: `${host} is no address of this machine: choose another with --host`,
    ENOTFOUND: `the host name ${host} is unknown: choose another with --host`,
  }
  const message = typeof code === 'string' ? meaning[code] : undefined
  return message === undefined ? error : new Error(message, { cause: error })
}

function announce({ connectString }: EmbeddedServer, { json, dataDir }: DevOptions): void {
  if (json) {
    console.log(JSON.stringify({ connectString, pid: process.pid, dataDir: dataDir ?? null }))
    return
  }
  const kept = dataDir === undefined ? 'in memory, gone when it stops' : `in ${dataDir}`
  console.log(connectString)
  console.error(`A ZooKeeper server for development is ready. Data: ${kept}. Stop it with Ctrl-C.`)
}

/** Resolves with the first signal that asks to end. A second one ends the process at once, as if nobody listened. */
async function untilAskedToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ['SIGINT', 'SIGTERM'] as const
    const listener = (signal: NodeJS.Signals): void => {
      for (const name of signals) process.off(name, listener)
      resolve(signal)
    }
    for (const name of signals) process.on(name, listener)
  })
}

async function run(args: readonly string[]): Promise<number> {
  const options = parse(args)
  const { port, host, dataDir } = options
  const stop = untilAskedToStop()
  const server = await startServer({
    port,
    host,
    ...(dataDir === undefined ? {} : { dataDir }),
  }).catch((error: unknown) => {
    throw explain(error, options)
  })
  announce(server, options)
  await stop
  await server.close()
  return 0
}

export const dev: Command = {
  name: 'dev',
  summary: 'run a ZooKeeper server for development, in the foreground',
  help: `Usage: latchkey dev [options]

Runs an embedded single-node server that speaks the ZooKeeper protocol, and prints its
connect string. It ends on Ctrl-C or SIGTERM. For development and tests, not for production.

  --port N        the port to listen on; 0 takes any free one  (default ${DEFAULT_PORT})
  --host H        the address to listen on                     (default ${DEFAULT_HOST})
  --data-dir D    keep the data in this folder                 (default: in memory)
  --json          print one JSON line with connectString, pid and dataDir
  --help          print this`,
  run,
}
