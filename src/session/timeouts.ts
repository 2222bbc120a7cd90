/** The intervals of a session, derived from its timeout as the Java client does (ClientCnxn). All in milliseconds. */

/** Silence after which a connection is dead, whatever the socket says: two thirds of the session timeout. */
export function readTimeoutMs(sessionTimeoutMs: number): number {
  return (sessionTimeoutMs * 2) / 3
}

/** The longest that we say nothing: half the read timeout, at most 10 s. */
export function pingIntervalMs(sessionTimeoutMs: number): number {
  return Math.min(readTimeoutMs(sessionTimeoutMs) / 2, 10_000)
}

/** Patience with one connection attempt, so that every host gets its turn within the session timeout. */
export function connectTimeoutMs(sessionTimeoutMs: number, hosts: number): number {
  return Math.max(Math.floor(sessionTimeoutMs / Math.max(hosts, 1)), 100)
}

const BASE_BACK_OFF_MS = 50

/**
 * How long to wait once all hosts have failed `rounds` times in a row: exponential with full jitter on the upper half
 * (the schedule of p-retry with `factor: 2, randomize: true`, on our own clock so that a simulation can replay it).
 *
 * @param jitter - a number in [0, 1).
 */
export function backOffMs(rounds: number, maxMs: number, jitter: number): number {
  const full = Math.min(BASE_BACK_OFF_MS * 2 ** Math.min(Math.max(rounds - 1, 0), 20), maxMs)
  return full / 2 + (full / 2) * jitter
}

/** How long `close()` waits for the server's word: its caller wants to go, and the session then ends by itself. */
export function closePatienceMs(connectPatienceMs: number): number {
  return Math.min(connectPatienceMs, 5_000)
}
