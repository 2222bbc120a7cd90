/** How counters of others write a number, and how large it can be. */
export interface NumberFormat {
  readonly name: string
  /** The smallest and the largest number that fit. */
  readonly min: bigint
  readonly max: bigint
  encode(value: bigint): Uint8Array
  /** @throws Error if the bytes are no such number. */
  decode(data: Buffer): bigint
}

const INT64 = { min: -0x8000000000000000n, max: 0x7fffffffffffffffn }
const INT32 = { min: -0x80000000n, max: 0x7fffffffn }

function ofSize(data: Buffer, size: number): Buffer {
  if (data.length !== size) throw new Error(`${data.length} bytes, where ${size} are expected`)
  return data
}

/** Eight bytes, big-endian: Curator's DistributedAtomicLong and CachedAtomicLong. */
const int64: NumberFormat = {
  name: 'int64',
  ...INT64,
  encode(value) {
    const data = Buffer.alloc(8)
    data.writeBigInt64BE(value)
    return data
  },
  decode: (data) => ofSize(data, 8).readBigInt64BE(),
}

/** Four bytes, big-endian: Curator's DistributedAtomicInteger and SharedCount, kazoo's Counter with `support_curator`. */
const int32: NumberFormat = {
  name: 'int32',
  ...INT32,
  encode(value) {
    const data = Buffer.alloc(4)
    data.writeInt32BE(Number(value))
    return data
  },
  decode: (data) => BigInt(ofSize(data, 4).readInt32BE()),
}

/** Decimal digits: kazoo's Counter of integers. Larger than an int64 it can be there, but not here. */
const kazoo: NumberFormat = {
  name: 'kazoo',
  ...INT64,
  encode: (value) => Buffer.from(String(value), 'ascii'),
  decode(data) {
    const text = data.toString('latin1')
    if (!/^-?\d+$/.test(text)) throw new Error(`${JSON.stringify(text.slice(0, 40))} is no integer`)
    const value = BigInt(text)
    if (value < INT64.min || value > INT64.max) throw new Error(`${text} does not fit in an int64`)
    return value
  },
}

export type NumberFormatName = 'int64' | 'int32' | 'kazoo'

/** The presets. */
export const numberFormats: Readonly<Record<NumberFormatName, NumberFormat>> = { int64, int32, kazoo }

/** A preset by its name, or the format itself. Throws `TypeError` for anything else. */
export function numberFormatOf(given: NumberFormatName | NumberFormat): NumberFormat {
  const format =
    typeof given === 'string' && Object.hasOwn(numberFormats, given) ? numberFormats[given] : given
  if (isFormat(format)) return format
  throw new TypeError(
    `unknown number format ${JSON.stringify(given)}: int64, int32, kazoo, or a NumberFormat`,
  )
}

function isFormat(given: unknown): given is NumberFormat {
  const { encode, decode, min, max } = (given ?? {}) as Partial<Record<keyof NumberFormat, unknown>>
  const methods = typeof encode === 'function' && typeof decode === 'function'
  return methods && typeof min === 'bigint' && typeof max === 'bigint'
}
