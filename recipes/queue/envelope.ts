/**
 * What a znode of our own layout holds: an item's bytes, and before them what the queue itself keeps about the item.
 *
 *   byte 0x01 | uint16 length of the notes, big-endian | notes, JSON in UTF-8 (none: length 0) | the item's bytes
 */

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

const FORMAT = 1
const HEAD = 3
const LONGEST_ERROR = 2_000

export interface Envelope {
  readonly notes: Notes
  readonly payload: Buffer
}

export function packEnvelope(notes: Notes, payload: Uint8Array): Buffer {
  const text = JSON.stringify({ ...notes, e: notes.e?.slice(0, LONGEST_ERROR) })
  const meta = Buffer.from(text === '{}' ? '' : text)
  const head = Buffer.alloc(HEAD)
  head.writeUInt8(FORMAT)
  head.writeUInt16BE(meta.length, 1)
  return Buffer.concat([head, meta, payload])
}

/** @throws TypeError if the bytes are no envelope. */
export function unpackEnvelope(data: Buffer): Envelope {
  if (data.length < HEAD || data[0] !== FORMAT)
    throw new TypeError('not an item of this queue: the znode does not begin as one of latchkey does')
  const end = HEAD + data.readUInt16BE(1)
  if (end > data.length) throw new TypeError('not an item of this queue: it is cut off')
  if (end === HEAD) return { notes: {}, payload: data.subarray(end) }
  const notes: unknown = JSON.parse(data.toString('utf8', HEAD, end))
  if (typeof notes !== 'object' || notes === null)
    throw new TypeError('not an item of this queue: its notes are none')
  return { notes, payload: data.subarray(end) }
}
