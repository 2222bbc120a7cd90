/** How values are written as bytes, and what a missing value stands for. */
import { NoNodeError, ZkError } from '../../src/api/errors.js'

/** Both ways between a value and its bytes. */
export interface ValueCodec<T> {
  encode(value: T): Uint8Array
  /** @throws anything, if the bytes are no such value. */
  decode(data: Buffer): T
}

/** The bytes themselves, as Curator's SharedValue and DistributedAtomicValue have them. */
export const bytesCodec: ValueCodec<Uint8Array> = {
  encode: (value) => Buffer.from(value),
  decode: (data) => data,
}

/** JSON in UTF-8. */
export function jsonCodec<T>(): ValueCodec<T> {
  return {
    encode(value) {
      const text = JSON.stringify(value) as string | undefined
      if (text === undefined) throw new TypeError(`${typeof value} can not be written as JSON`)
      return Buffer.from(text)
    },
    decode: (data) => JSON.parse(data.toString('utf8')) as T,
  }
}

/** What the data stands for; without data, the initial value. */
export function decodeOrThrow<T>(
  spec: {
    readonly path: string
    readonly codec: ValueCodec<T>
    readonly initial?: { readonly value: T } | undefined
  },
  data: Buffer | undefined,
): T {
  const { path, codec, initial } = spec
  if (initial !== undefined && (data === undefined || data.length === 0)) return initial.value
  if (data === undefined)
    throw new NoNodeError(`${path} does not exist, and there is no initial value`, { path })
  try {
    return codec.decode(data)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ZkError('DATA_INCONSISTENCY', `${path} holds no such value: ${why}`, { path, cause })
  }
}
