/** Reads that are as new as the moment of the call, whichever server answers them. */
import type { CallOptions, Zk } from '../../src/api/zk.js'

/**
 * A sync and, right behind it, the read: one round trip. Rejects with what either is refused with; the read of a path that is
 * not there is refused by itself.
 *
 * @param read - sends one read of `zk`, bound as `options` say, before it returns.
 */
export async function inSync<T>(
  zk: Zk,
  path: string,
  options: CallOptions,
  read: () => Promise<T>,
): Promise<T> {
  const synced = zk.sync(path, options)
  const reading = read()
  reading.catch(() => undefined) // Awaited below, but the sync may reject first.
  await synced
  return reading
}
