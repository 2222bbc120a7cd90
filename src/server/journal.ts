import type { ServerSettings } from './options.js'
import type { Caller } from './handlers/context.js'
import type { State } from './state.js'
import type { Transaction } from './transactions.js'

export interface Journal {
  append(transaction: Transaction): void
  flush(): void
  close(): void
}
export function openJournal(_dir: string, _state: State<Caller>, _settings: ServerSettings): Journal {
  throw new Error('dataDir is not there yet')
}
