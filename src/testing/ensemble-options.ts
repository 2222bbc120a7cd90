/** What can be asked of a {@link TestEnsemble}, with the defaults, checked once. */
import { checkTimeout } from '../runtime/abort.js'

export type EngineName = 'java' | 'docker' | 'given'

/** Files for TLS, as ZooKeeper reads them: PEM, JKS or PKCS12 by their suffix (`.pem`, `.jks`, `.p12`). */
export interface EnsembleTls {
  /** The server's certificate chain and private key. */
  readonly keyStore: string
  readonly keyStorePassword?: string | undefined
  /** Whom the server trusts: needed for client certificates, and by ZooKeeper itself. */
  readonly trustStore: string
  readonly trustStorePassword?: string | undefined
  /** Whether a client must show a certificate. Default `none`. */
  readonly clientAuth?: 'none' | 'want' | 'need' | undefined
}

export interface TestEnsembleOptions {
  /** How many servers; 1 is a standalone one. Default 3. */
  readonly servers?: number | undefined
  /**
   * Who runs them. Default `auto`: a given connect string if there is one, else Docker where it is reachable and has
   * the image (or can pull it), else Java.
   */
  readonly engine?: EngineName | 'auto' | undefined
  /** `java`: which ZooKeeper, `3.9.4`, or `3.9` for any of that line. Default: the one installed, else 3.9. */
  readonly version?: string | undefined
  /** `given`: the servers to use. Default `LATCHKEY_TEST_CONNECT`, then `ZOOKEEPER_CONNECT`. */
  readonly connectString?: string | undefined
  /** `docker`: the image. Default `LATCHKEY_ZOOKEEPER_IMAGE`, then `zookeeper:3.9`. */
  readonly image?: string | undefined
  /** More environment variables for the servers. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** ZooKeeper's unit of time, in milliseconds. Default 500: a session may be as short as 2 ticks. */
  readonly tickTimeMs?: number | undefined
  /** Lines for `zoo.cfg`, which win over the defaults. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
  /** Java system properties of the servers. */
  readonly systemProperties?: Readonly<Record<string, string>> | undefined
  /** Whether a server syncs its log to disk before it answers. Default true, as in production. */
  readonly forceSync?: boolean | undefined
  /**
   * `java`, on Linux: whether the servers reach each other through proxies of this process, so that `cutLink` can part
   * two of them. Default false.
   */
  readonly cuttable?: boolean | undefined
  /** Allows `reconfig`. Default false. */
  readonly reconfig?: boolean | undefined
  /** The super user, as `user:base64(sha1(user:password))`. */
  readonly superDigest?: string | undefined
  /** `java`: the text of a JAAS file; turns SASL on. */
  readonly jaas?: string | undefined
  /** `java`: adds a TLS port to every server. */
  readonly tls?: EnsembleTls | undefined
  /** Bound on the whole start, in milliseconds. Default 60,000; a download comes on top. */
  readonly startTimeoutMs?: number | undefined
}

export interface ServerSettings {
  readonly tickTimeMs: number
  /** Complete but for what differs from server to server. */
  readonly config: Readonly<Record<string, string>>
  readonly systemProperties: Readonly<Record<string, string>>
}

const ENGINES: readonly unknown[] = ['auto', 'java', 'docker', 'given']

/** Throws `TypeError` or `RangeError` for what can't be meant. */
export function checkEnsembleOptions(options: TestEnsembleOptions): void {
  const { servers = 3, engine = 'auto', tickTimeMs = 500, version } = options
  if (!Number.isInteger(servers) || servers < 1 || servers > 9) {
    throw new RangeError(`servers must be a whole number from 1 to 9, got ${servers}`)
  }
  if (!ENGINES.includes(engine)) {
    throw new TypeError(`engine must be one of ${ENGINES.join(', ')}, got ${engine}`)
  }
  if (!Number.isInteger(tickTimeMs) || tickTimeMs < 10) {
    throw new RangeError(`tickTimeMs must be a whole number of at least 10, got ${tickTimeMs}`)
  }
  if (version !== undefined && !/^\d+\.\d+(\.(\d+|x))?(-[\w.]+)?$/.test(version)) {
    throw new TypeError(`version must look like 3.9.4 or 3.9, got ${version}`)
  }
  checkTimeout(options.startTimeoutMs, 'startTimeoutMs')
}

/**
 * What every server is told. Limits are generous, since tests open many clients and short sessions; `initLimit` and
 * `syncLimit` leave room for machines that run the servers and the tests on the same two cores.
 */
export function serverSettings(options: TestEnsembleOptions): ServerSettings {
  const tickTimeMs = options.tickTimeMs ?? 500
  const config: Record<string, string> = {
    tickTime: String(tickTimeMs),
    initLimit: '20',
    syncLimit: '10',
    minSessionTimeout: String(2 * tickTimeMs),
    maxSessionTimeout: '120000',
    maxClientCnxns: '0',
    'admin.enableServer': 'false',
    '4lw.commands.whitelist': '*',
    extendedTypesEnabled: 'true',
    reconfigEnabled: String(options.reconfig ?? false),
    'autopurge.purgeInterval': '0',
  }
  for (const [name, value] of Object.entries(options.settings ?? {})) config[name] = String(value)
  const systemProperties: Record<string, string> = {
    'zookeeper.forceSync': options.forceSync === false ? 'no' : 'yes',
    // Reads the container-and-TTL reaper needs come every minute by default: too slow to watch in a test.
    'znode.container.checkIntervalMs': '1000',
  }
  if (options.superDigest !== undefined) {
    systemProperties['zookeeper.DigestAuthenticationProvider.superDigest'] = options.superDigest
  }
  return { tickTimeMs, config, systemProperties: { ...systemProperties, ...options.systemProperties } }
}
