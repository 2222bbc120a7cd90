/** `latchkey/zookeeper`: the recipes of latchkey on a client of the npm package `zookeeper`. */
import type { Logger } from '../api/zk.js'
import { systemRuntime, type Runtime } from '../runtime/runtime.js'
import { ZooKeeperDriver } from './zookeeper-driver.js'
import type { ZooKeeperClient } from './zookeeper-package.js'

export { ZooKeeperDriver } from './zookeeper-driver.js'
export type { ZooKeeperClient } from './zookeeper-package.js'

export interface FromZooKeeperOptions {
  /**
   * Makes the next client, already told to connect, when a session has ended: a client of the package is of no use after
   * that. Default: none, and the driver is closed with its session.
   */
  readonly recreate?: (() => ZooKeeperClient) | undefined
  /** pino's shape. Default: silent. */
  readonly logger?: Logger | undefined
  /** Time and chance; for simulations. */
  readonly runtime?: Runtime | undefined
}

const nothing = (): void => undefined
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/**
 * Puts a client of the npm package `zookeeper` behind latchkey's `Zk` interface, so that recipes can use it.
 *
 * @param client - a client after `init()` or `connect()`. It belongs to the driver from now on: when a session can't be
 * proved alive any more, or on `close()`, the driver closes it.
 * @returns at once; `ready()` waits for the connection. See docs/zookeeper-driver.md for what the package can't do.
 * @throws TypeError if it is no such client.
 */
export function fromZooKeeper(client: ZooKeeperClient, options: FromZooKeeperOptions = {}): ZooKeeperDriver {
  const given: unknown = client
  if (!isClient(given))
    throw new TypeError(
      'client must be a client of the npm package zookeeper, after init() or connect(): ' +
        'not of its promise form, and not of node-zookeeper-client',
    )
  const { recreate, logger = silent, runtime = systemRuntime } = options
  return new ZooKeeperDriver({ client, recreate, runtime, logger })
}

function isClient(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { aw_get_children2: read, on } = value as Partial<Record<keyof ZooKeeperClient, unknown>>
  return typeof read === 'function' && typeof on === 'function'
}
