/** One short conversation over a plain socket, bounded in time, that never leaves the socket open. */
import type { Socket } from 'node:net'
import { createConnection } from 'node:net'
import { systemClock } from '../runtime/clock.js'

/**
 * Connects and calls `begin`; `receive` gets all bytes so far at each chunk and returns an answer when it has one.
 * `end` makes the answer of what had come when the peer closed (it may throw). Rejects on a socket error, and when
 * `timeoutMs` is over.
 */
export async function exchange<T>(
  peer: { readonly host: string; readonly port: number; readonly timeoutMs: number },
  steps: {
    readonly begin: (socket: Socket) => void
    readonly receive: (bytes: Buffer, socket: Socket) => T | undefined
    readonly end: (bytes: Buffer) => T
  },
): Promise<T> {
  const socket = createConnection({ host: peer.host, port: peer.port, noDelay: true })
  let bytes: Buffer = Buffer.alloc(0)
  const where = `${peer.host}:${peer.port}`
  return new Promise<T>((resolve, reject) => {
    const timer = systemClock.setTimer(peer.timeoutMs, () => {
      socket.destroy(new Error(`no answer from ${where} within ${peer.timeoutMs} ms`))
    })
    const settle = (answer: () => T | undefined): void => {
      try {
        const value = answer()
        if (value === undefined) return
        resolve(value)
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      }
      socket.destroy()
    }
    socket.once('connect', () => steps.begin(socket))
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      settle(() => steps.receive(bytes, socket))
    })
    socket.once('end', () => settle(() => steps.end(bytes)))
    socket.on('error', reject)
    socket.once('close', () => {
      timer.cancel()
      reject(new Error(`${where} closed the connection`))
    })
  })
}
