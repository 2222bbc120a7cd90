/** Clients of the npm package zookeeper on the run's servers, behind our interface; closed when the test is over. */
import { onTestFinished } from 'vitest'
import type { Logger, SessionCredentials, Zk } from 'latchkey'
import {
  fromZooKeeper,
  type FromZooKeeperOptions,
  type ZooKeeperClient,
  type ZooKeeperDriver,
} from 'latchkey/zookeeper'
import { requireNpmZooKeeper } from '../support/npm-zookeeper.js'

type Package = new (config: object) => ZooKeeperClient & { init(config: object): unknown }

export interface NpmClientOptions extends Omit<FromZooKeeperOptions, 'recreate'> {
  readonly timeout?: number
  /** `always`: by another one like it. */
  readonly recreate?: FromZooKeeperOptions['recreate'] | 'always'
}

/** The package's client that stands behind each driver now. */
const natives = new WeakMap<Zk, () => ZooKeeperClient>()

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
  const { timeout, recreate, ...rest } = options
  let native = nativeClient(connect, timeout)
  const again = (): ZooKeeperClient => (native = nativeClient(connect, timeout))
  const zk = fromZooKeeper(
    native,
    recreate === 'always' ? { ...rest, recreate: again } : { ...rest, recreate },
  )
  natives.set(zk, () => native)
  onTestFinished(async () => zk.close())
  await zk.ready({ timeoutMs: 20_000 })
  return zk
}

/** Of the session that the driver has now: with it another client can end it. */
export function npmSession(zk: Zk): SessionCredentials | undefined {
  const native = natives.get(zk)?.() as (ZooKeeperClient & { client_password: string }) | undefined
  if (zk.session === undefined || native === undefined) return undefined
  return { id: zk.session.id, password: Buffer.from(native.client_password, 'hex') }
}

/** Keeps what is logged. */
export function listening(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = []
  const say = (level: string) => (_: object, message: string) => void lines.push(`${level}: ${message}`)
  return { lines, logger: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') } }
}
