/** Asks a server a four-letter word. */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

export async function fourLetterWord(host: string, port: number, word: string): Promise<string> {
  const socket = connect({ host, port, timeout: 2_000 })
  socket.once('timeout', () => socket.destroy(new Error(`${host}:${port} does not answer ${word}`)))
  socket.end(word)
  return text(socket)
}
