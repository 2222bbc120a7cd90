/**
 * What differs between releases of the server, as data: the suite's only knowledge of versions. A feature is named by
 * the first release that has it, on each line where it came in a patch release.
 */
import { servers } from '../support/ensemble.js'

const since = {
  /** multiRead, getEphemerals, getAllChildrenNumber, setWatches2, addWatch. */
  operationsOf36: ['3.6.0'],
  whoAmI: ['3.7.0'],
  /** Events carry the zxid of their transaction in the header; −1 before. */
  eventZxid: ['3.9.0'],
  /** removeWatches by type leaves the persistent watches of the path alone, and knows types 4 and 5 (ZOOKEEPER-4472). */
  exactWatchRemoval: ['3.9.0'],
  /**
   * A session may have several kinds of watch on one path. Before, the latest takes the place of the others
   * (ZOOKEEPER-4466).
   */
  watchKindsCoexist: ['3.9.0'],
  /** A recursive watch hears nothing of childrenChanged (ZOOKEEPER-4475). */
  quietRecursive: ['3.9.0'],
  /** create with a stat inside of a multi answers with the stat (ZOOKEEPER-4026). */
  statInMulti: ['3.7.2', '3.8.4', '3.9.0'],
  /** exists needs READ, where there is a znode (ZOOKEEPER-2590). */
  existsNeedsRead: ['3.8.4', '3.9.2'],
  /** delete tells of a missing permission on the parent before a missing znode. */
  deleteChecksPermissionFirst: ['3.6.0'],
  /** Who may not read a znode does not hear of it (CVE-2024-23944). */
  watchesObeyAcl: ['3.8.4', '3.9.2'],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type Feature = keyof typeof since

const lineOf = (version: string): string => version.split('.').slice(0, 2).join('.')
const compare = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true })

function hasFeature(version: string, releases: readonly string[]): boolean {
  const onLine = releases.find((release) => lineOf(release) === lineOf(version))
  // On a line of its own a feature counts from its release there; else from the last line that it came to.
  if (onLine !== undefined) return compare(version, onLine) >= 0
  return releases.every((release) => compare(version, release) >= 0)
}

/** Whether the servers of this run have it. */
export const has: Readonly<Record<Feature, boolean>> = Object.fromEntries(
  Object.entries(since).map(([feature, releases]) => [feature, hasFeature(servers.version, releases)]),
) as Record<Feature, boolean>

/**
 * Whether a write whose body can't be read may be sent. From 3.9 on it is logged under the zxid of the transaction
 * before it, which an ensemble does not endure: servers drop out for seconds (seen with 3.9.4; one server alone does).
 */
export const enduresUnreadableWrites = servers.members.length === 1 || compare(servers.version, '3.9.0') < 0
