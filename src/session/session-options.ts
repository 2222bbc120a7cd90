/** What the session is made with, all of it checked. */
import type { Logger } from '../api/zk.js'
import type { Runtime } from '../runtime/runtime.js'
import type { Transport } from '../transport/transport.js'
import type { Credentials } from './authentication.js'
import type { Server } from './connect-string.js'
import type { Settings } from './machine-types.js'

export interface SessionClientOptions {
  readonly servers: readonly Server[]
  readonly transport: Transport
  readonly runtime: Runtime
  readonly logger: Logger
  readonly settings: Settings
  readonly allowReadOnly: boolean
  readonly attach: { readonly id: bigint; readonly password: Buffer } | undefined
  readonly credentials: Credentials
  readonly allowInsecureAuth: boolean
  readonly maxFrameBytes: number
  readonly maxRequestBytes: number
  readonly maxPendingBytes: number
  /** Takes the chroot off a path of the server. */
  readonly toClient: (path: string) => string
}
