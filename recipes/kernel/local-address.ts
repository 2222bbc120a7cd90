/** This host's address: what Curator writes into a znode when the caller says nothing, to show who queues there. */
import { networkInterfaces } from 'node:os'

let known: string | undefined

/** The first address that is not of the loopback, IPv4 before IPv6; 127.0.0.1 on a host that has none. */
export function localAddress(): string {
  known ??= find()
  return known
}

function find(): string {
  const outward = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal }) => !internal)
  const best = outward.find(({ family }) => family === 'IPv4') ?? outward[0]
  return best?.address ?? '127.0.0.1'
}
