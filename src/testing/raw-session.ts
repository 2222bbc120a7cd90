/**
 * The two session exchanges that a test environment needs, on a plain socket: the client under test has no part in
 * judging the servers or in killing its own session.
 *
 * Opening a session is a write that the quorum commits before the server answers, and so is closing it. So a session
 * that opens proves that its server takes writes, and leaves no znode and no change of `/` behind.
 */
import { exchange } from './socket-exchange.js'

/** Protocol version, last zxid seen, timeout, session id, length of the password, read-only flag. */
const HANDSHAKE_BYTES = 4 + 8 + 4 + 8 + 4 + 1
const CLOSE_SESSION = -11
/**
 * A number that the session's owner is not at: servers match commits with what waits by session and xid alone, so with a
 * number that a write of the owner's still has, that write's commit would answer for the closing (ZOOKEEPER-2684).
 */
const CLOSE_XID = 0x7fff_fff0

export interface SessionKey {
  readonly id: bigint
  readonly password: Uint8Array
}

function framed(body: Buffer): Buffer {
  const frame = Buffer.alloc(4 + body.length)
  frame.writeInt32BE(body.length, 0)
  body.copy(frame, 4)
  return frame
}

/** Sees no zxid as too new for it (last zxid 0), and asks for a session that takes writes. */
function connectRequest(key: SessionKey, timeoutMs: number): Buffer {
  const body = Buffer.alloc(HANDSHAKE_BYTES + key.password.length)
  body.writeInt32BE(timeoutMs, 12)
  body.writeBigInt64BE(BigInt.asIntN(64, key.id), 16)
  body.writeInt32BE(key.password.length, 24)
  Buffer.from(key.password).copy(body, 28)
  return framed(body)
}

function closeRequest(): Buffer {
  const body = Buffer.alloc(8)
  body.writeInt32BE(CLOSE_XID, 0)
  body.writeInt32BE(CLOSE_SESSION, 4)
  return framed(body)
}

/** The frames that are complete in `bytes`. */
function framesIn(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = []
  let at = 0
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readInt32BE(at)
    if (end > bytes.length || end < at + 4) break
    frames.push(bytes.subarray(at + 4, end))
    at = end
  }
  return frames
}

/**
 * Opens the session of `key` on the server (id 0: a new one) and closes it again, for all its clients.
 *
 * @returns true when the server confirmed the end; false when it no longer knew the session.
 * @throws when the server can't be reached, takes no writes, or is silent for `timeoutMs`.
 */
export async function closeSession(
  host: string,
  port: number,
  key: SessionKey,
  timeoutMs = 5_000,
): Promise<boolean> {
  let asked = false
  return exchange<boolean>(
    { host, port, timeoutMs },
    {
      begin: (socket) => socket.write(connectRequest(key, 4_000)),
      receive(bytes, socket) {
        const [opened, ...replies] = framesIn(bytes)
        if (opened === undefined) return undefined
        if (opened.length < 16) throw new Error('not a connect response')
        // An unknown session is answered with id 0 and timeout 0, and the server closes.
        if (opened.readInt32BE(4) <= 0) return false
        if (!asked) {
          asked = true
          socket.write(closeRequest())
        }
        return replies.some((reply) => reply.length >= 4 && reply.readInt32BE(0) === CLOSE_XID)
          ? true
          : undefined
      },
      end: () => {
        throw new Error(asked ? 'closed before it confirmed the end of the session' : 'takes no sessions')
      },
    },
  )
}

/** Resolves when the server has opened and closed a session: two writes, committed by the quorum. */
export async function proveWrites(host: string, port: number, timeoutMs: number): Promise<void> {
  const fresh = { id: 0n, password: Buffer.alloc(16) }
  if (!(await closeSession(host, port, fresh, timeoutMs))) throw new Error('refused a new session')
}
