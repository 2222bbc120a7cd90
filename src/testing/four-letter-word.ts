/**
 * ZooKeeper's four-letter words: four ASCII bytes on a fresh connection, answered in text, then the server closes.
 * A server knows only those on its `4lw.commands.whitelist`.
 */
import { exchange } from './socket-exchange.js'

export type ServerRole = 'leader' | 'follower' | 'observer' | 'standalone' | 'readOnly'

const ROLES: Readonly<Record<string, ServerRole>> = {
  leader: 'leader',
  follower: 'follower',
  observer: 'observer',
  standalone: 'standalone',
  'read-only': 'readOnly',
}

/** Sends `word` and returns the whole answer. Rejects if the server can't be reached or is silent for `timeoutMs`. */
export async function fourLetterWord(
  host: string,
  port: number,
  word: string,
  timeoutMs = 2_000,
): Promise<string> {
  return exchange(
    { host, port, timeoutMs },
    {
      begin: (socket) => socket.end(word),
      receive: () => undefined,
      end: (bytes) => bytes.toString('utf8'),
    },
  )
}

/** The role in an answer to `srvr`; undefined while the server has none (looking for a leader). */
export function roleIn(srvr: string): ServerRole | undefined {
  const mode = /^Mode: (\S+)/m.exec(srvr)?.[1]
  return mode === undefined ? undefined : ROLES[mode]
}

/** The version in an answer to `srvr`, without the build's revision: `3.8.0`. */
export function versionIn(srvr: string): string | undefined {
  return /^Zookeeper version: (\d+\.\d+\.\d+(?:-(?:alpha|beta)(?:-\d+)?)?)/m.exec(srvr)?.[1]
}
