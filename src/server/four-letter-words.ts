/** The four-letter commands, in the output format of a real server, on the client port. */
import type { ClientConnection } from './client-connection.js'
import type { Caller } from './handlers/context.js'
import type { ServerSettings } from './options.js'
import type { State } from './state.js'

interface Facts {
  readonly settings: ServerSettings
  readonly state: State<Caller>
  readonly connections: ReadonlySet<ClientConnection>
  readonly port: number
}

const commands: Readonly<Record<string, (facts: Facts) => string>> = {
  ruok: () => 'imok',
  isro: () => 'rw',
}

/** The output of the command; undefined if it is none. */
export function answerCommand(word: string, facts: Facts): string | undefined {
  return Object.hasOwn(commands, word) ? commands[word]?.(facts) : undefined
}
