/** What a claim says about itself: JSON in an ephemeral beside the item. Peers' claims hold whatever they like. */
import { hasCode } from '../../src/api/errors.js'
import type { Zk } from '../../src/api/zk.js'
import { inSync } from '../kernel/in-sync.js'

export interface ClaimNote {
  /** Tells our claim from one that was made later, after a lost reply. */
  readonly token: string
  /** The consumer, as it calls itself. */
  readonly by: string | undefined
  /** The item's id, in a queue of ids. */
  readonly id?: string | undefined
  /** Of a pack: the numbers of those that are in the consumer's hands. */
  readonly items?: readonly number[] | undefined
  /** What was last said of it; of a pack by number. */
  readonly progress?: unknown
}

export function packClaimNote(note: ClaimNote): string {
  return JSON.stringify(note)
}

/** Of a peer's claim: no token. */
export function unpackClaimNote(data: Buffer): ClaimNote {
  const found = parse(data)
  const { token, by, id, items, progress } = found
  return {
    token: typeof token === 'string' ? token : '',
    by: typeof by === 'string' ? by : undefined,
    id: typeof id === 'string' ? id : undefined,
    items: Array.isArray(items) ? items.filter((each) => typeof each === 'number') : undefined,
    progress,
  }
}

function parse(data: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(data.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Whose claim it is, in sync with the leader; undefined if there is none. */
export async function claimToken(
  zk: Zk,
  path: string,
  limits: { readonly generation: number },
): Promise<string | undefined> {
  try {
    const { data } = await inSync(zk, path, limits, async () => zk.get(path, limits))
    return unpackClaimNote(data).token
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return undefined
    throw error
  }
}
