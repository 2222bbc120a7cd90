/**
 * Ports for servers that must come back on the same port after a restart.
 *
 * Binding port 0 would give one of the ephemeral range, which any outgoing connection may take while the server is
 * down. So these come from below that range: random, proved free by binding, and never given twice by one process.
 */
import { createServer } from 'node:net'
import type { Random } from '../runtime/random.js'
import { systemRandom } from '../runtime/random.js'
import { environmentError } from './environment-error.js'

const LOWEST = 15_000
/** Linux gives outgoing connections ports from 32768 up, the others from 49152 up. */
const BEYOND = 32_700
const ATTEMPTS = 500

const given = new Set<number>()

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => {
      server.close(() => resolve(true))
    })
  })
}

/** `count` different ports that nobody listens on at this moment. */
export async function freePorts(
  count: number,
  host = '127.0.0.1',
  random: Random = systemRandom,
): Promise<number[]> {
  const ports: number[] = []
  for (let attempt = 0; ports.length < count; attempt++) {
    if (attempt === ATTEMPTS + count) throw environmentError(`no ${count} free ports found on ${host}`)
    const port = LOWEST + Math.floor(random.next() * (BEYOND - LOWEST))
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port, host)) ports.push(port)
    else given.delete(port)
  }
  return ports
}

/** Lets ports be given again, once whatever listened on them has ended. */
export function returnPorts(ports: readonly number[]): void {
  for (const port of ports) given.delete(port)
}
