/** Medians and spreads. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

/** From the least to the greatest, as a share of the median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values)
}

/** The value that this share of all values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * share)] ?? NaN
}

/** Whether each median is beyond all values of the other: else their difference is within the spread. */
export function differs(a: readonly number[], b: readonly number[]): boolean {
  return isBeyond(median(a), b) && isBeyond(median(b), a)
}

const isBeyond = (value: number, others: readonly number[]): boolean =>
  value > Math.max(...others) || value < Math.min(...others)
