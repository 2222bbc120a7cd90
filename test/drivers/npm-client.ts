/** Clients of the npm package zookeeper on the run's servers, behind our interface; closed when the test is over. */
import { onTestFinished } from 'vitest'
import type { Logger } from 'latchkey'
import {
  fromZooKeeper,
  type FromZooKeeperOptions,
  type ZooKeeperClient,
  type ZooKeeperDriver,
} from 'latchkey/zookeeper'
import { requireNpmZooKeeper } from '../support/npm-zookeeper.js'

type Package = new (config: object) => ZooKeeperClient & { init(config: object): unknown }

export interface NpmClientOptions extends FromZooKeeperOptions {
  readonly timeout?: number
}

const ERRORS_ONLY = 1

/** Told to connect; nobody has waited for it. */
export function nativeClient(connect: string, timeout = 30_000): ZooKeeperClient {
  const ZooKeeper = requireNpmZooKeeper() as Package
  const config = { connect, timeout, debug_level: ERRORS_ONLY, host_order_deterministic: false }
  const client = new ZooKeeper(config)
  client.init({})
  return client
}

export async function npmClient(connect: string, options: NpmClientOptions = {}): Promise<ZooKeeperDriver> {
  const { timeout, ...rest } = options
  const zk = fromZooKeeper(nativeClient(connect, timeout), rest)
  onTestFinished(async () => zk.close())
  await zk.ready({ timeoutMs: 20_000 })
  return zk
}

/** Keeps what is logged. */
export function listening(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = []
  const say = (level: string) => (_: object, message: string) => void lines.push(`${level}: ${message}`)
  return { lines, logger: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') } }
}
