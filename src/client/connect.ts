/** The way in: from a connect string and options to a client whose session is live. */
import { ZkError } from '../api/errors.js'
import type { Logger } from '../api/zk.js'
import { systemRuntime } from '../runtime/runtime.js'
import { Credentials } from '../session/authentication.js'
import { parseConnectString } from '../session/connect-string.js'
import { SessionClient } from '../session/session.js'
import { connectTimeoutMs } from '../session/timeouts.js'
import { tcpTransport } from '../transport/tcp.js'
import { tlsTransport } from '../transport/tls.js'
import type { Transport } from '../transport/transport.js'
import { chrootOf } from './chroot.js'
import { Client } from './client.js'
import type { CheckedOptions, ConnectOptions } from './options.js'
import { checkOptions } from './options.js'
import { StateFeed } from './state-feed.js'
import { stateChannel, traceConnect } from './tracing.js'

const none = (): void => undefined
const silent: Logger = { debug: none, info: none, warn: none, error: none }

/**
 * Connects to a ZooKeeper ensemble; resolves when the session is live.
 *
 * @param connectString - `host:port,host:port/chroot`; default: the environment variable `ZOOKEEPER_CONNECT`.
 * @returns a client that reconnects, and opens a new session when one is lost, until it is closed.
 * Rejects with `TimeoutError` (its cause is the last failure), `AuthFailedError`, `INSECURE_AUTH`, `SessionExpiredError`
 * (attach), `NO_CONNECT_STRING`, or the signal's reason; then nothing stays open.
 */
export async function connect(connectString?: string, options: ConnectOptions = {}): Promise<Client> {
  const checked = checkOptions(options)
  const { servers, chroot } = parseConnectString(connectString ?? fromEnvironment())
  const runtime = checked.runtime ?? systemRuntime
  const logger = checked.logger ?? silent
  const feed = new StateFeed(runtime.clock, logger)
  const mapping = chrootOf(chroot)
  const credentials = new Credentials(runtime.random, checked.sasl)
  for (const { scheme, auth } of checked.auths) credentials.add(scheme, auth)
  const session = new SessionClient(
    {
      ...checked,
      servers,
      transport: transportOf(checked),
      runtime,
      logger,
      settings: {
        sessionTimeoutMs: checked.sessionTimeoutMs,
        connectTimeoutMs:
          checked.connectTimeoutMs ?? connectTimeoutMs(checked.sessionTimeoutMs, servers.length),
        maxBackOffMs: checked.maxBackOffMs,
        attached: checked.session !== undefined,
      },
      allowReadOnly: checked.readOnly === true,
      attach:
        checked.session === undefined
          ? undefined
          : { id: checked.session.id, password: Buffer.from(checked.session.password) },
      credentials,
      allowInsecureAuth: checked.allowInsecureAuth === true,
      toClient: (path) => mapping.toClient(path),
    },
    {
      state(state, live) {
        if (stateChannel.hasSubscribers)
          stateChannel.publish({ state, sessionId: live?.id, generation: live?.generation })
        feed.publish(state, live)
      },
    },
  )
  feed.attach(session)
  const client = new Client({
    session,
    feed,
    chroot: mapping,
    runtime,
    logger,
    credentials,
    acl: checked.acl,
    requestTimeoutMs: checked.requestTimeoutMs,
  })
  if (checked.acl === undefined && credentials.size === 0) {
    logger.info({}, 'no credentials given: znodes are made open to all')
  }
  await traceConnect(
    servers.map(({ host, port }) => `${host}:${port}`),
    async () => open(client, session, feed, checked),
  )
  return client
}

async function open(
  client: Client,
  session: SessionClient,
  feed: StateFeed,
  options: CheckedOptions,
): Promise<void> {
  options.signal?.throwIfAborted()
  const { timeoutMs, signal } = options
  const up = feed.until((state) => state === 'connected' || state === 'readOnly', { timeoutMs, signal })
  session.start()
  try {
    await up
  } catch (error) {
    // At once, without a word to the server: the limit bounds this too, and a session that was to be attached to is
    // not ours to end. A new one that is just being opened holds nothing and expires there.
    await client.close({ keepSession: true })
    throw error
  }
}

function fromEnvironment(): string {
  const given = process.env['ZOOKEEPER_CONNECT']
  if (given !== undefined && given !== '') return given
  throw new ZkError(
    'NO_CONNECT_STRING',
    'no connect string: pass one, such as connect("localhost:2181"), or set ZOOKEEPER_CONNECT. ' +
      'To start a server for development: npx latchkey dev',
  )
}

function transportOf(options: CheckedOptions): Transport {
  if (options.transport !== undefined) return options.transport
  if (options.tls === undefined || options.tls === false) return tcpTransport
  return tlsTransport(options.tls === true ? {} : options.tls)
}
