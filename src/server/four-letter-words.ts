/**
 * The four-letter commands, on the client port, in a real server's output format, for probes and tools that parse it.
 * Figures that mean nothing here (latencies, Java's memory) are left out or 0.
 */
import type { ClientConnection } from './client-connection.js'
import type { Caller } from './handlers/context.js'
import type { ServerSettings } from './options.js'
import type { State } from './state.js'

export interface Facts {
  readonly settings: ServerSettings
  readonly state: State<Caller>
  readonly connections: ReadonlySet<ClientConnection>
  readonly port: number
  /** Frames of connections that are over. */
  readonly past: { readonly received: number; readonly sent: number }
  readonly uptimeMs: number
}

const hex = (value: bigint): string => `0x${BigInt.asUintN(64, value).toString(16)}`
const lines = (...list: readonly string[]): string => list.map((line) => `${line}\n`).join('')

// A real server counts its root twice, under '' and under '/'.
const nodeCount = ({ state }: Facts): number => state.tree.size + 1

function version({ settings }: Facts): string {
  const number = { '3.5': '3.5.10', '3.8': '3.8.4', '3.9': '3.9.4' }[settings.emulate]
  return `${number}-latchkey, built on 2024-01-01 00:00 UTC`
}

function packets({ connections, past }: Facts): { received: number; sent: number } {
  let { received, sent } = past
  for (const connection of connections) {
    received += connection.received
    sent += connection.sent
  }
  return { received, sent }
}

function summary(facts: Facts): string {
  const { received, sent } = packets(facts)
  return lines(
    'Latency min/avg/max: 0/0.0/0',
    `Received: ${received}`,
    `Sent: ${sent}`,
    `Connections: ${facts.connections.size}`,
    'Outstanding: 0',
    `Zxid: ${hex(facts.state.zxid)}`,
    'Mode: standalone',
    `Node count: ${nodeCount(facts)}`,
  )
}

function client(connection: ClientConnection, isBrief: boolean): string {
  const { wire, received, sent, sessionId, sessionTimeoutMs, establishedAt } = connection
  const session =
    isBrief || sessionId === 0n
      ? ''
      : `,sid=${hex(sessionId)},lop=NA,est=${Math.floor(establishedAt)},to=${sessionTimeoutMs}`
  return ` /${wire.remoteAddress}:0[1](queued=0,recved=${received},sent=${sent}${session})`
}

function clients({ connections }: Facts, isBrief: boolean): string {
  return lines(...[...connections].map((connection) => client(connection, isBrief)))
}

function monitor(facts: Facts): string {
  const { state, connections, uptimeMs } = facts
  const { received, sent } = packets(facts)
  const figures: readonly (readonly [string, string | number])[] = [
    ['version', version(facts)],
    ['server_state', 'standalone'],
    ['ephemerals_count', state.tree.ephemeralCount],
    ['num_alive_connections', connections.size],
    ['avg_latency', '0.0'],
    ['min_latency', 0],
    ['max_latency', 0],
    ['outstanding_requests', 0],
    ['znode_count', nodeCount(facts)],
    ['global_sessions', state.sessions.size],
    ['local_sessions', 0],
    ['watch_count', state.watches.size],
    ['approximate_data_size', state.tree.dataBytes],
    ['packets_received', received],
    ['packets_sent', sent],
    ['uptime', Math.floor(uptimeMs)],
  ]
  return lines(...figures.map(([name, value]) => `zk_${name}\t${value}`))
}

function configuration({ settings, port }: Facts): string {
  return lines(
    `clientPort=${settings.tls === undefined ? port : -1}`,
    `secureClientPort=${settings.tls === undefined ? -1 : port}`,
    `dataDir=${settings.dataDir ?? ''}`,
    `dataLogDir=${settings.dataDir ?? ''}`,
    `tickTime=${settings.tickTimeMs}`,
    `maxClientCnxns=${settings.limits.connections}`,
    `minSessionTimeout=${settings.minSessionTimeoutMs}`,
    `maxSessionTimeout=${settings.maxSessionTimeoutMs}`,
    'clientPortListenBacklog=-1',
    'serverId=0',
  )
}

function watchSummary(facts: Facts): string {
  const { data, children } = facts.state.watches
  const watchers = new Set([...data.watchers.keys(), ...children.watchers.keys()])
  const paths = new Set([...data.paths.keys(), ...children.paths.keys()])
  return lines(
    `${watchers.size} connections watching ${paths.size} paths`,
    `Total watches:${facts.state.watches.size}`,
    '',
  )
}

/** As a real server, of the data watches alone. */
function watchesBySession({ state }: Facts): string {
  const blocks = [...state.watches.data.watchers].map(([watcher, paths]) =>
    lines(hex(watcher.session.id), ...[...paths].map((path) => `\t${path}`)),
  )
  return `${blocks.join('')}\n`
}

function watchesByPath({ state }: Facts): string {
  const blocks = [...state.watches.data.paths].map(([path, watchers]) =>
    lines(path, ...[...watchers.keys()].map((watcher) => `\t${hex(watcher.session.id)}`)),
  )
  return `${blocks.join('')}\n`
}

function dump({ state, connections }: Facts): string {
  const ephemerals = state.tree.ephemerals()
  const owners = [...ephemerals].map(([id, paths]) =>
    lines(`${hex(id)}:`, ...[...paths].map((path) => `\t${path}`)),
  )
  const ids = [...state.sessions.all()].map(({ id, timeoutMs }) => `\t${hex(id)}\t${timeoutMs}ms`)
  return (
    lines('SessionTracker dump:', `Session Sets (${state.sessions.size})/(${state.sessions.size}):`, ...ids) +
    lines('ephemeral nodes dump:', `Sessions with Ephemerals (${ephemerals.size}):`) +
    owners.join('') +
    lines(
      'Connections dump:',
      `Connections Sets (${connections.size})/(${connections.size}):`,
      ...[...connections].map(
        ({ wire, sessionId }) => `\tip: /${wire.remoteAddress}:0 sessionId: ${hex(sessionId)}`,
      ),
    )
  )
}

const commands = {
  ruok: () => 'imok',
  isro: () => 'rw',
  srvr: (facts: Facts) => `Zookeeper version: ${version(facts)}\n${summary(facts)}`,
  stat: (facts: Facts) =>
    `Zookeeper version: ${version(facts)}\nClients:\n${clients(facts, true)}\n${summary(facts)}`,
  mntr: monitor,
  conf: configuration,
  cons: (facts: Facts) => `${clients(facts, false)}\n`,
  wchs: watchSummary,
  wchc: watchesBySession,
  wchp: watchesByPath,
  dump,
  envi: (facts: Facts) =>
    lines('Environment:', `zookeeper.version=${version(facts)}`, `node.version=${process.version}`),
} as const satisfies Readonly<Record<string, (facts: Facts) => string>>

const isCommand = (word: string): word is keyof typeof commands => Object.hasOwn(commands, word)

/** The output of the command; undefined if it is none. `facts` is asked only for one. */
export function answerCommand(word: string, facts: () => Facts): string | undefined {
  return isCommand(word) ? commands[word](facts()) : undefined
}
