/**
 * The embedded server with a test's habits: a short tick, so that sessions can be short, and what a test asks of
 * servers under the same names as on a {@link TestEnsemble}.
 */
import type { EmbeddedServer, ServerControl, StartServerOptions } from '../server/index.js'
import { startServer } from '../server/index.js'

const TICK_MS = 100

export class TestServer implements AsyncDisposable {
  /** The embedded server itself. */
  readonly server: EmbeddedServer

  private constructor(server: EmbeddedServer) {
    this.server = server
  }

  /**
   * Starts a server on a free port of loopback.
   *
   * @param options - those of `startServer`; `tickTimeMs` is 100 unless given, and a session may last a minute.
   */
  static async start(options: StartServerOptions = {}): Promise<TestServer> {
    return new TestServer(await startServer({ tickTimeMs: TICK_MS, maxSessionTimeoutMs: 60_000, ...options }))
  }

  /** What to give to `connect()`. The same after a restart. */
  get connectString(): string {
    return this.server.connectString
  }

  /** Faults at a chosen request, sessions and watches, what was applied. */
  get control(): ServerControl {
    return this.server.control
  }

  /** Closes the port and all connections at once; sessions and znodes stay. */
  async stop(): Promise<void> {
    await this.server.stop()
  }

  /** Comes back on the same port, with sessions and znodes. */
  async restart(): Promise<void> {
    await this.server.restart()
  }

  /** Ends a session as its expiry would; its ephemeral znodes are gone at once. False if there is none of that id. */
  killSession(id: bigint): boolean {
    return this.server.control.expireSession(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close()
  }
}
