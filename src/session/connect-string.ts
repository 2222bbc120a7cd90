/** The connect string: `host[:port],host[:port],…[/chroot]`, with IPv6 addresses in brackets. */
import { isIPv6 } from 'node:net'
import { validatePath } from '../api/path.js'

export interface Server {
  readonly host: string
  readonly port: number
}

export interface ConnectString {
  readonly servers: readonly Server[]
  /** Prefix of every path, or the empty string. */
  readonly chroot: string
}

export const DEFAULT_PORT = 2181

/** Throws `TypeError` with the reason unless `text` is a connect string. */
export function parseConnectString(text: string): ConnectString {
  if (typeof text !== 'string') throw new TypeError(`connect string must be a string, got ${typeof text}`)
  const fail = (reason: string): never => {
    throw new TypeError(
      `invalid connect string ${JSON.stringify(text)}: ${reason} (example: host1:2181,[::1]:2181/app)`,
    )
  }
  const slash = text.indexOf('/')
  const hosts = slash === -1 ? text : text.slice(0, slash)
  const chroot = slash === -1 ? '' : text.slice(slash)
  if (chroot !== '' && chroot !== '/') {
    try {
      validatePath(chroot)
    } catch (error) {
      fail(`its chroot: ${(error as Error).message}`)
    }
  }
  const parts = hosts.split(',').map((part) => part.trim())
  if (parts.every((part) => part === '')) fail('it names no server')
  const servers = parts.filter((part) => part !== '').map((part) => parseServer(part, fail))
  return { servers, chroot: chroot === '/' ? '' : chroot }
}

function parseServer(text: string, fail: (reason: string) => never): Server {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text)
  if (bracketed !== null) {
    const host = bracketed[1] ?? ''
    if (!isIPv6(host)) fail(`[${host}] is not an IPv6 address`)
    return { host, port: parsePort(bracketed[2], fail) }
  }
  // Without brackets an IPv6 address can't be told from host:port, unless it is the whole of it.
  if (isIPv6(text)) return { host: text, port: DEFAULT_PORT }
  const [host = '', port, ...rest] = text.split(':')
  if (rest.length > 0) fail(`${text}: put an IPv6 address in brackets`)
  if (host === '') fail(`${JSON.stringify(text)} has no host`)
  if (!/^[A-Za-z0-9._~%-]+$/.test(host)) fail(`${JSON.stringify(host)} is not a host name`)
  return { host, port: parsePort(port, fail) }
}

function parsePort(text: string | undefined, fail: (reason: string) => never): number {
  if (text === undefined) return DEFAULT_PORT
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    fail(`port ${JSON.stringify(text)} is not between 1 and 65535`)
  return port
}
