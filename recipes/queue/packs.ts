/** Which items that are put together are stored together, in one znode. */
import type { Entry } from './layout.js'

/** In their order; at least one. */
export type Pack = readonly [Entry, ...Entry[]]

/** As each claim writes the whole pack again. */
const MOST_BYTES = 16 * 1024
/** Of one item: what is larger is better off by itself. */
const LARGE = 4 * 1024

/**
 * Neighbours of one priority, as long as they are small. By themselves stay those with an id, which are found by it, those
 * that are put off, and those that were taken before.
 */
export function packsOf(entries: readonly Entry[], packItems: number): Pack[] {
  const packs: [Entry, ...Entry[]][] = []
  let bytes = 0
  for (const entry of entries) {
    const pack = packs.at(-1)
    const fits = pack !== undefined && pack.length < packItems && bytes + entry.payload.length <= MOST_BYTES
    if (fits && isPackable(entry) && isPackable(pack[0]) && pack[0].place.priority === entry.place.priority) {
      pack.push(entry)
      bytes += entry.payload.length
    } else {
      packs.push([entry])
      bytes = entry.payload.length
    }
  }
  return packs
}

function isPackable({ place, notes, payload, moves }: Entry): boolean {
  const isNew = moves !== true && notes.n === undefined && notes.e === undefined
  return isNew && place.id === undefined && place.dueAt === undefined && payload.length <= LARGE
}
