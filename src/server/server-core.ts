/** What the parts of a running server share, as a connection sees it. */
import type { Faults } from './control.js'
import type { Caller, Context } from './handlers/context.js'
import type { ClientConnection } from './client-connection.js'
import type { ServerSettings } from './options.js'
import type { State } from './state.js'

export interface ServerCore {
  readonly settings: ServerSettings
  readonly state: State<Caller>
  readonly context: Context
  readonly faults: Faults
  /** From 3.9 on, the header of an event has the zxid that caused it. */
  readonly eventsCarryZxid: boolean
  /** True if this opcode is one of the version that we are. */
  knows(opcode: number): boolean
  /** The output of a four-letter word; undefined if it is none. */
  answerCommand(word: string): string | undefined
  /** Flushes the connection at the end of this tick. */
  schedule(connection: ClientConnection): void
  /** Makes safe what a reply may tell of. */
  beforeFlush(): void
  closed(connection: ClientConnection): void
}
