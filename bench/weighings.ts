/** What is weighed: how much the process of a subject grows by holding it. */
export interface Weighing {
  readonly name: 'memory-sessions' | 'memory-watches'
  readonly title: string
  /** How many are held while it is weighed. */
  readonly count: number
  /** What the figure is given for. */
  readonly per: number
}

export const weighings: readonly Weighing[] = [
  { name: 'memory-sessions', title: 'memory of idle sessions', count: 1_000, per: 1_000 },
  { name: 'memory-watches', title: 'memory of watches of one session', count: 10_000, per: 10_000 },
]
