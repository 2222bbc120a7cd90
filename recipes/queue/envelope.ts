/**
 * What a znode of our own layout holds: an item's bytes, or those of several, and before them what the queue itself keeps
 * about them. Numbers are big-endian.
 *
 *   byte 0x01 | uint16 length of the notes | notes, JSON in UTF-8 (none: length 0) | the item's bytes
 *   byte 0x02 | uint16 length of the notes | notes | for each item: uint16 its number, uint32 length, its bytes
 */
import type { Notes, Stored } from './stored.js'

const ONE = 1
const SEVERAL = 2
const HEAD = 3
/** Of each item of several. */
const ITEM_HEAD = 6
const LONGEST_ERROR = 2_000

/** With numbers: as several. */
export function packEnvelope({ notes, payloads, numbers }: Stored): Buffer {
  const text = JSON.stringify({ ...notes, e: notes.e?.slice(0, LONGEST_ERROR) })
  const meta = Buffer.from(text === '{}' ? '' : text)
  const head = Buffer.alloc(HEAD)
  head.writeUInt8(numbers === undefined ? ONE : SEVERAL)
  head.writeUInt16BE(meta.length, 1)
  if (numbers === undefined) return Buffer.concat([head, meta, payloads[0] ?? Buffer.alloc(0)])
  const parts = payloads.flatMap((payload, index) => {
    const itemHead = Buffer.alloc(ITEM_HEAD)
    itemHead.writeUInt16BE(numbers[index] ?? index)
    itemHead.writeUInt32BE(payload.length, 2)
    return [itemHead, payload]
  })
  return Buffer.concat([head, meta, ...parts])
}

/** @throws TypeError if the bytes are no envelope. */
export function unpackEnvelope(data: Buffer): Stored {
  if (data.length < HEAD || (data[0] !== ONE && data[0] !== SEVERAL))
    throw new TypeError('not an item of this queue: the znode does not begin as one of latchkey does')
  const end = HEAD + data.readUInt16BE(1)
  if (end > data.length) throw cutOff()
  const notes: unknown = end === HEAD ? {} : JSON.parse(data.toString('utf8', HEAD, end))
  if (!isNotes(notes)) throw new TypeError('not an item of this queue: its notes are none')
  if (data[0] === ONE) return { notes, payloads: [data.subarray(end)] }
  return { notes, ...unpackSeveral(data, end) }
}

function isNotes(value: unknown): value is Notes {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { n, e, k, p } = value as Readonly<Record<string, unknown>>
  const areNumbers = [n, p].every((each) => each === undefined || typeof each === 'number')
  return areNumbers && [e, k].every((each) => each === undefined || typeof each === 'string')
}

function unpackSeveral(data: Buffer, start: number): { payloads: Buffer[]; numbers: number[] } {
  const payloads: Buffer[] = []
  const numbers: number[] = []
  for (let at = start; at < data.length;) {
    if (at + ITEM_HEAD > data.length) throw cutOff()
    const from = at + ITEM_HEAD
    const end = from + data.readUInt32BE(at + 2)
    if (end > data.length) throw cutOff()
    numbers.push(data.readUInt16BE(at))
    payloads.push(data.subarray(from, end))
    at = end
  }
  if (numbers.length === 0) throw new TypeError('not an item of this queue: there is none in it')
  if (new Set(numbers).size < numbers.length)
    throw new TypeError('not an item of this queue: two items of one number')
  return { payloads, numbers }
}

function cutOff(): TypeError {
  return new TypeError('not an item of this queue: it is cut off')
}
