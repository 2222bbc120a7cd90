/** What the znode of an item holds, whatever the layout. */

/** What a queue keeps about an item, across processes. Names are short, as each item carries them. */
export interface Notes {
  /** How often it was claimed. */
  readonly n?: number | undefined
  /** The last error, as text. */
  readonly e?: string | undefined
  /** Its id, in a queue of ids. */
  readonly k?: string | undefined
  /** Its priority. */
  readonly p?: number | undefined
}

export interface Stored {
  /** Of all of them. */
  readonly notes: Notes
  /** One; several of a pack; in Curator's format any number. */
  readonly payloads: readonly Buffer[]
  /** Of a pack: which of the items that were put together each payload is. Their order, and no number twice. */
  readonly numbers?: readonly number[] | undefined
}

/** What is stored of the items with these indexes. */
export function part({ payloads, numbers }: Stored, indexes: ReadonlySet<number>): Omit<Stored, 'notes'> {
  const isAmong = (_: unknown, index: number): boolean => indexes.has(index)
  return {
    payloads: payloads.filter(isAmong),
    ...(numbers !== undefined && { numbers: numbers.filter(isAmong) }),
  }
}
