/** What the data of a value's znode stands for. */
import { NoNodeError, ZkError } from '../../src/api/errors.js'
import type { ItemCodec } from '../kernel/codec.js'

/** What the data stands for; without data, the initial value. */
export function decodeOrThrow<T>(
  spec: {
    readonly path: string
    readonly codec: ItemCodec<T>
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

/** The bytes of a value. */
export function bytesOf<T>(codec: ItemCodec<T>, value: T): Buffer {
  return Buffer.from(codec.encode(value) as Uint8Array)
}
