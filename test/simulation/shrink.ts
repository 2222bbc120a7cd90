/**
 * Fewer faults that still break the same rule: delta debugging (Zeller and Hildebrandt's ddmin) over the fault plan. Chance
 * has a source for each purpose, so leaving a fault out changes as little as can be of what comes before it.
 */

/**
 * @param all - that break the rule together.
 * @param breaks - whether these do.
 * @param maxTries - of `breaks`; then it gives the fewest so far.
 */
export async function shrink<T>(
  all: readonly T[],
  breaks: (some: readonly T[]) => Promise<boolean>,
  maxTries = 200,
): Promise<readonly T[]> {
  let tries = 0
  const test = async (some: readonly T[]): Promise<boolean> => ++tries <= maxTries && (await breaks(some))
  if (await test([])) return []
  let fewest = all
  for (let parts = 2; fewest.length > 1 && tries < maxTries;) {
    const size = Math.ceil(fewest.length / parts)
    const smaller = await firstThatBreaks(fewest, size, test)
    if (smaller !== undefined) {
      parts = Math.max(2, smaller.length <= size ? 2 : parts - 1)
      fewest = smaller
    } else if (size === 1) return fewest
    else parts = Math.min(fewest.length, parts * 2)
  }
  return fewest
}

/** A part alone, or all but a part. */
async function firstThatBreaks<T>(
  all: readonly T[],
  size: number,
  test: (some: readonly T[]) => Promise<boolean>,
): Promise<readonly T[] | undefined> {
  for (let at = 0; at < all.length; at += size) {
    const part = all.slice(at, at + size)
    if (part.length < all.length && (await test(part))) return part
  }
  for (let at = 0; at < all.length; at += size) {
    const rest = [...all.slice(0, at), ...all.slice(at + size)]
    if (rest.length < all.length && (await test(rest))) return rest
  }
  return undefined
}
