/** How items become bytes and come back: JSON unless said otherwise. */

/** Turns items of a queue into bytes and back. `decode` throws on bytes that are no item: they become a dead letter. */
export interface ItemCodec<T> {
  encode(item: T): Uint8Array | string
  decode(bytes: Buffer): T
}

/** The item as it is. Anything but bytes is refused with a `TypeError`. */
export const bytesCodec: ItemCodec<Uint8Array> = {
  encode: (item) => {
    if ((item as unknown) instanceof Uint8Array) return item
    throw new TypeError(`${typeof item} is no bytes`)
  },
  decode: (bytes) => bytes,
}

/** The default. What JSON has no word for (`undefined`, a function) is refused with a `TypeError`. */
export function jsonCodec<T>(): ItemCodec<T> {
  return {
    encode: (item) => {
      const text = JSON.stringify(item) as string | undefined
      if (text === undefined) throw new TypeError(`${typeof item} is nothing that JSON can hold`)
      return text
    },
    decode: (bytes) => JSON.parse(bytes.toString('utf8')) as T,
  }
}

/** @throws TypeError unless it can encode and decode. */
export function checkCodec(codec: unknown): void {
  const given = codec as Partial<ItemCodec<unknown>> | null | undefined
  if (typeof given?.encode === 'function' && typeof given.decode === 'function') return
  throw new TypeError('codec must have the methods encode and decode')
}
