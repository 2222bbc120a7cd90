/**
 * The formats of other libraries' queues: what their znodes are called, in which order they are taken, what they hold.
 * All keep their items as children of one znode, so a list of them must fit into `jute.maxbuffer`: some 20,000.
 */
import type { Placement } from './layout.js'
import type { Notes, Stored } from './stored.js'
import { compareSequence, parseSequence, SEQUENCE_PATTERN } from '../kernel/sequence.js'

/** What a name says about an item. */
export interface NamedItem {
  readonly name: string
  readonly sequence: number
  /** Lower goes first. */
  readonly rank: number
  readonly dueAt: number | undefined
  readonly id: string | undefined
}

export interface Format {
  readonly name: string
  /** Where items are, below the queue's path: '' for right in it. */
  readonly items: string
  /** Where claims are, below the queue's path; undefined: nowhere, or where the caller says. */
  readonly claims: string | undefined
  /** The name without its sequence number. */
  prefix(place: Placement): string
  /** Undefined for a name that is not of this format. */
  parse(name: string): NamedItem | undefined
  pack(stored: Stored): Buffer
  /** Throws on bytes that are not of this format. */
  unpack(data: Buffer): Stored
}

const noNotes: Notes = {}

/** Curator's: version 1 of its format, then each item with a marker and its length, then the end's marker. */
function packCurator({ payloads }: Stored): Buffer {
  const parts: Buffer[] = [Buffer.from([0, 1, 0, 1])]
  for (const payload of payloads) {
    const head = Buffer.alloc(5)
    head.writeUInt8(1)
    head.writeInt32BE(payload.length, 1)
    parts.push(head, payload)
  }
  return Buffer.concat([...parts, Buffer.from([2])])
}

function unpackCurator(data: Buffer): Stored {
  const bad = (what: string): TypeError => new TypeError(`not an item of a Curator queue: ${what}`)
  if (data.length < 5 || data.readInt32BE(0) !== 0x0001_0001) throw bad('it has another version')
  const payloads: Buffer[] = []
  let at = 4
  for (;;) {
    const marker = data[at++]
    if (marker === 2) return { notes: noNotes, payloads }
    if (marker !== 1 || at + 4 > data.length) throw bad(`no marker at byte ${at - 1}`)
    const length = data.readInt32BE(at)
    at += 4
    if (length < 0 || at + length > data.length) throw bad(`a length of ${length} at byte ${at - 4}`)
    payloads.push(data.subarray(at, at + length))
    at += length
  }
}

const raw = {
  pack: ({ payloads }: Stored): Buffer => payloads[0] ?? Buffer.alloc(0),
  unpack: (data: Buffer): Stored => ({ notes: noNotes, payloads: [data] }),
}

type Reading = Partial<Pick<NamedItem, 'rank' | 'dueAt' | 'id'>>

function parser(pattern: string, read: (group: string) => Reading | undefined = () => ({})): Format['parse'] {
  const whole = new RegExp(`^${pattern}${SEQUENCE_PATTERN}$`)
  return (name) => {
    const match = whole.exec(name)
    const sequence = parseSequence(match?.at(-1) ?? '')
    const reading = match === null ? undefined : read(match[1] ?? '')
    if (sequence === undefined || reading === undefined) return undefined
    return { name, sequence, rank: 0, dueAt: undefined, id: undefined, ...reading }
  }
}

const curator = { items: '', claims: undefined, pack: packCurator, unpack: unpackCurator }
const kazoo = { ...raw, items: '', claims: undefined }

/** Curator's way with characters that its format needs. */
function curatorId(id: string): string {
  return id.replaceAll('/', '_').replaceAll('|', '_')
}

/** `1` and eight digits for zero and more, `0` and eight digits of two's complement for less: so the string order is right. */
function curatorPriority(priority: number): string {
  return `${priority >= 0 ? '1' : '0'}${(priority >>> 0).toString(16).toUpperCase().padStart(8, '0')}`
}

function kazooPriority(priority: number): string {
  if (!Number.isInteger(priority) || priority < 0 || priority > 999)
    throw new RangeError(`kazoo's priorities are integers from 0 to 999, got ${priority}`)
  return String(priority).padStart(3, '0')
}

export const formats = {
  'curator fifo': { ...curator, name: 'curator', prefix: () => 'queue-', parse: parser('queue-') },
  'curator priority': {
    ...curator,
    name: 'curator',
    prefix: ({ priority = 0 }) => `queue-${curatorPriority(priority)}`,
    parse: parser('queue-([01][0-9A-F]{8})', (hex) => ({
      rank: Number.parseInt(hex.slice(1), 16) | 0,
    })),
  },
  'curator delay': {
    ...curator,
    name: 'curator',
    prefix: ({ dueAt = 0 }) => `queue-|${Math.max(0, Math.ceil(dueAt)).toString(16).toUpperCase()}|`,
    parse: parser('queue-\\|([0-9A-Fa-f]+)\\|', (hex) => {
      const dueAt = Number.parseInt(hex, 16)
      return { dueAt, rank: dueAt }
    }),
  },
  'curator id': {
    ...curator,
    name: 'curator',
    prefix: ({ id = '' }) => `queue-|${curatorId(id)}|`,
    parse: parser('queue-\\|(.*)\\|', (id) => ({ id })),
  },
  'curator-simple fifo': {
    ...raw,
    name: 'curator-simple',
    items: '',
    claims: undefined,
    prefix: () => 'qn-',
    parse: parser('qn-'),
  },
  'kazoo fifo': { ...kazoo, ...kazooNames('kazoo', '') },
  'kazoo priority': { ...kazoo, ...kazooNames('kazoo', '') },
  'kazoo-locking fifo': { ...kazoo, ...kazooNames('kazoo-locking', 'entries'), claims: 'taken' },
  'kazoo-locking priority': { ...kazoo, ...kazooNames('kazoo-locking', 'entries'), claims: 'taken' },
} as const satisfies Record<string, Format>

function kazooNames(name: string, items: string): Pick<Format, 'name' | 'items' | 'prefix' | 'parse'> {
  return {
    name,
    items,
    // kazoo's own default priority is 100.
    prefix: ({ priority = 100 }) => `entry-${kazooPriority(priority)}-`,
    parse: parser('entry-(\\d{3})-', (digits) => ({ rank: Number(digits) })),
  }
}

export const curatorIdName = curatorId

export function byRank(a: NamedItem, b: NamedItem): number {
  return a.rank - b.rank || compareSequence(a.sequence, b.sequence)
}
