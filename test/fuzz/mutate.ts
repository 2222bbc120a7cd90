/** Frames that are nearly right: recorded ones with a few things wrong, and made-up ones of the right shape. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Random } from '../../src/runtime/random.js'
import type { Recording } from '../support/vectors/recording.js'

const folder = fileURLToPath(new URL('../vectors', import.meta.url))

export interface RecordedFrame {
  /** The operation's name, `connect` for a handshake, `event` for a notification. */
  readonly name: string
  /** Without its length. */
  readonly body: Buffer
}

/** What one side said to the other, in conversations between Apache's client and Apache's server. */
export function recordedFrames(from: 'client' | 'server'): readonly RecordedFrame[] {
  const files = readdirSync(folder).filter((name) => /^zookeeper-.*\.json$/.test(name))
  const recordings = files.map((file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Recording)
  return recordings
    .flatMap(({ connections }) => connections.flat())
    .filter((frame) => frame.from === from)
    .map(({ name, bytes }) => ({ name, body: Buffer.from(bytes, 'hex') }))
}

export function below(random: Random, limit: number): number {
  return Math.floor(random.next() * limit)
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[below(random, items.length)]!
}

/** Where lengths, counts, types and xids have their edges. */
const INTERESTING = [
  0, 1, -1, -2, -4, -8, 2, 3, 4, 7, 8, 12, 14, 100, 127, 128, 255, 256, 1_023, 65_535, 65_536, 0xfffff,
  0x100000, 0x1000000, 0x7ffffffe, 0x7fffffff, -0x80000000, -0x7fffffff,
]

type Mutation = (bytes: Buffer, random: Random) => Buffer

const mutations: readonly Mutation[] = [
  (bytes, random) => {
    const at = below(random, bytes.length)
    bytes[at] = bytes[at]! ^ (1 << below(random, 8))
    return bytes
  },
  (bytes, random) => {
    bytes[below(random, bytes.length)] = below(random, 256)
    return bytes
  },
  // Fields are rarely aligned: any offset will do.
  (bytes, random) => {
    if (bytes.length >= 4) bytes.writeInt32BE(pick(random, INTERESTING), below(random, bytes.length - 3))
    return bytes
  },
  (bytes, random) => {
    if (bytes.length < 4) return bytes
    const at = below(random, bytes.length - 3)
    bytes.writeInt32BE((bytes.readInt32BE(at) + below(random, 9) - 4) | 0, at)
    return bytes
  },
  (bytes, random) => bytes.subarray(0, below(random, bytes.length + 1)),
  (bytes, random) => Buffer.concat([bytes, random.bytes(1 + below(random, 24))]),
  (bytes, random) => {
    const [from, to] = [below(random, bytes.length), below(random, bytes.length)].sort((a, b) => a - b)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  (bytes, random) => {
    const [from, to] = [below(random, bytes.length), below(random, bytes.length)].sort((a, b) => a - b)
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
  },
]

/** A copy with up to three things wrong; `other` may lend its end. */
export function mutate(body: Buffer, other: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(body)
  if (below(random, 12) === 0)
    bytes = Buffer.concat([
      bytes.subarray(0, below(random, bytes.length + 1)),
      other.subarray(below(random, other.length + 1)),
    ])
  for (let times = 1 + below(random, 3); times > 0 && bytes.length > 0; times--)
    bytes = pick(random, mutations)(bytes, random)
  return bytes
}

/** With its length in front; now and then with a wrong one. */
export function framed(body: Buffer, random: Random): Buffer {
  const out = Buffer.allocUnsafe(4 + body.length)
  const honest = below(random, 40) !== 0
  out.writeInt32BE(honest ? body.length : pick(random, INTERESTING), 0)
  body.copy(out, 4)
  return out
}

/** The same bytes in one to three pieces. */
export function pieces(bytes: Buffer, random: Random): readonly Buffer[] {
  if (below(random, 8) !== 0 || bytes.length < 3) return [bytes]
  const [a, b] = [below(random, bytes.length), below(random, bytes.length)].sort((x, y) => x - y) as [
    number,
    number,
  ]
  return [bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b)].filter(({ length }) => length > 0)
}
