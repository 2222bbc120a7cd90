/**
 * A store that other processes write to under a lock: it accepts no token lower than one that it has seen for a key.
 * It is a process of its own, so nothing but the token protects it.
 *
 * usage: fenced-store.ts SOCKET FOLDER, with an IPC channel; it ends when that does.
 *
 * A request is a line `KEY TOKEN read` or `KEY TOKEN write VALUE`; the answer is a line, `ok VALUE` or `refused`. Both
 * raise the token. So a read and a write with one token, both accepted, have nothing in between.
 */
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { HistoryWriter, now } from './history.js'

interface Cell {
  token: bigint
  value: number
  writes: number
}

export class FencedStore {
  readonly #cells = new Map<string, Cell>()
  readonly #onAnswer: (path: string, token: string, ok: boolean) => void

  constructor(onAnswer: (path: string, token: string, ok: boolean) => void) {
    this.#onAnswer = onAnswer
  }

  answer(line: string): string {
    const [key = '', text = '0', verb, value] = line.split(' ')
    const token = BigInt(text)
    const cell = this.#cells.get(key) ?? { token: 0n, value: 0, writes: 0 }
    this.#cells.set(key, cell)
    const ok = token >= cell.token
    this.#onAnswer(key, text, ok)
    if (!ok) return 'refused'
    cell.token = token
    if (verb === 'write') {
      cell.value = Number(value)
      cell.writes++
    }
    return `ok ${cell.value}`
  }

  /** Each write adds one to what was read before it: fewer in the end than were written are lost updates. */
  lostUpdates(): number {
    return [...this.#cells.values()].reduce((lost, { value, writes }) => lost + (writes - value), 0)
  }
}

if (process.send !== undefined && process.argv[1]?.endsWith('fenced-store.ts') === true) {
  const [socketPath = '', folder = ''] = process.argv.slice(2)
  const history = new HistoryWriter(folder, 'store')
  const store = new FencedStore((path, token, ok) => history.write({ e: 'store', t: now(), path, token, ok }))
  const server = createServer((socket) => {
    // A worker that is killed resets its connection, and readline tells its own listeners of that as well.
    const ignore = (): void => undefined
    socket.on('error', ignore)
    const lines = createInterface({ input: socket }).on('error', ignore)
    lines.on('line', (line) => socket.write(`${store.answer(line)}\n`))
  })
  server.listen(socketPath, () => process.send?.({ ready: true }))
  process.on('message', () => process.send?.({ lostUpdates: store.lostUpdates() }))
  process.on('disconnect', () => process.exit(0))
}
