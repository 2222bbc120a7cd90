/** The embedded ZooKeeper server: `import { startServer } from 'latchkey/server'`. */
export { startServer } from './server.js'
export type { EmbeddedServer } from './server.js'
export type { EmulatedVersion, ServerLimits, StartServerOptions } from './options.js'
export type { Fault, ReceivedRequest, RequestMatch, ServerControl, SessionInfo } from './control.js'
export type { NodeChange, Transaction, TransactionBody } from './transactions.js'
export type { ServerTls } from '../transport/tcp-acceptor.js'
