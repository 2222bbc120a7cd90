/**
 * Order at the end of the sequence counter, where numbers stop telling it.
 *
 * The counter is the parent's cversion, and a real server's tree takes a new value only if it is larger than the old
 * one (DataTree.createNode). So after 2147483647 it does not wrap but sticks: every later znode gets that number again,
 * but for creates that were in flight together, some of which get the one after the wrap. Equal numbers would leave
 * the order to chance, and a newcomer with 2147483647 would stand ahead of a holder with -2147483648: two holders.
 *
 * The transaction ids of the creations (czxid) never repeat. They are not in the names, so in that zone, and only
 * there, each contender is looked at once. To get out of it, delete the parent while nobody queues; a container goes
 * by itself.
 *
 * A znode that takes over another one's place (the reader that a write lock is downgraded to) is younger than its
 * place. It carries the czxid that counts in the UUID of its name, as a UUID of version 8 (RFC 9562: custom); everybody
 * else's are of version 4.
 */
import { joinPath } from '../../src/api/path.js'
import type { Zk } from '../../src/api/zk.js'
import type { Contender } from './line.js'
import { compareSequence } from './sequence.js'

const LAST = 2_147_483_647
/** How many creates may have been in flight together when the counter came to its end: far more than there can be. */
const ZONE = 1_000_000

/** True if this number may have been handed out more than once, or out of order. */
export function isAmbiguous({ sequence }: Pick<Contender, 'sequence'>): boolean {
  return sequence === LAST || sequence < ZONE - LAST
}

/** `uuid` with the czxid of a place in it, for the name of the znode that takes the place over. 56 bits stay random. */
export function uuidWithBirth(uuid: string, czxid: bigint): string {
  const hex = BigInt.asUintN(64, czxid).toString(16).padStart(16, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(12, 15)}-a${hex.slice(15)}${uuid.slice(21)}`
}

export function birthInName(name: string): bigint | undefined {
  const match = /([0-9a-f]{8})-?([0-9a-f]{4})-?8([0-9a-f]{3})-?a([0-9a-f])[0-9a-f]{2}-?[0-9a-f]{12}/.exec(
    name,
  )
  return match === null ? undefined : BigInt.asIntN(64, BigInt(`0x${match.slice(1).join('')}`))
}

/**
 * The same contenders, those with ambiguous numbers by the age of their znodes; of these, what is gone is left out.
 *
 * @param births - czxids by name that are known already; what is read is added.
 */
export async function byBirth(
  zk: Pick<Zk, 'exists'>,
  container: string,
  contenders: readonly Contender[],
  births: Map<string, bigint>,
  limits: { readonly signal: AbortSignal; readonly generation: number },
): Promise<Contender[]> {
  const doubtful = contenders.filter(isAmbiguous)
  await Promise.all(
    doubtful.map(async ({ name }) => {
      if (births.has(name)) return
      const stat = await zk.exists(joinPath(container, name), limits)
      if (stat !== undefined) births.set(name, birthInName(name) ?? stat.czxid)
    }),
  )
  const age = ({ name }: Contender): bigint => births.get(name) ?? 0n
  const aged = doubtful
    .filter(({ name }) => births.has(name))
    .sort((a, b) => (age(a) < age(b) ? -1 : age(a) > age(b) ? 1 : 0))
  // Numbers outside of the zone are certain, and lie before all of it or behind all of it.
  const certain = contenders.filter((contender) => !isAmbiguous(contender))
  const before = certain.filter(({ sequence }) => compareSequence(sequence, LAST) < 0)
  const behind = certain.filter(({ sequence }) => compareSequence(sequence, LAST) > 0)
  return [...before, ...aged, ...behind]
}
