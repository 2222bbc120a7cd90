/**
 * Codecs: values that know how to write and read themselves. A record is a list of `[field, codec]`, from which
 * encoder, decoder and TypeScript type derive; nothing here knows ZooKeeper.
 */
import type { Reader } from './reader.js'
import type { Writer } from './writer.js'

export interface Codec<T> {
  write(writer: Writer, value: T): void
  read(reader: Reader): T
}

/** The type that a codec carries. */
export type TypeOf<C> = C extends Codec<infer T> ? T : never

export const bool: Codec<boolean> = { write: (w, v) => w.bool(v), read: (r) => r.bool() }
export const int: Codec<number> = { write: (w, v) => w.int(v), read: (r) => r.int() }
export const long: Codec<bigint> = { write: (w, v) => w.long(v), read: (r) => r.long() }

/** A string that the protocol never leaves out; a null from the other side reads as empty. */
export const string: Codec<string> = { write: (w, v) => w.string(v), read: (r) => r.string() ?? '' }
export const nullableString: Codec<string | null> = { write: (w, v) => w.string(v), read: (r) => r.string() }

/** Bytes or null. What is read is a copy. */
export const bytes: Codec<Uint8Array | null> = { write: (w, v) => w.bytes(v), read: (r) => r.bytes() }

/** A list; null reads as empty. */
export function vector<T>(element: Codec<T>): Codec<readonly T[]> {
  return {
    write(writer, values) {
      writer.int(values.length)
      for (const value of values) element.write(writer, value)
    },
    read(reader) {
      const count = reader.count()
      const values: T[] = []
      for (let i = 0; i < count; i++) values.push(element.read(reader))
      return values
    },
  }
}

/** A last field that old peers leave out: `fallback` when nothing is left. */
export function trailing<T>(codec: Codec<T>, fallback: T): Codec<T> {
  return {
    write: (writer, value) => codec.write(writer, value),
    read: (reader) => (reader.remaining === 0 ? fallback : codec.read(reader)),
  }
}

type Fields = readonly (readonly [name: string, codec: Codec<never>])[]
type AnyFields = readonly (readonly [name: string, codec: { read(reader: Reader): unknown }])[]
export type RecordOf<F extends AnyFields> = { readonly [E in F[number] as E[0]]: ReturnType<E[1]['read']> }

/**
 * A record: its fields, in order, without anything between them.
 *
 * @param unrolled - the same reads written out, for a record of the hot path: the engine then knows the object's shape.
 *   It must read what the fields say; a test compares.
 */
export function record<const F extends AnyFields>(
  fields: F,
  unrolled?: (reader: Reader) => RecordOf<F>,
): Codec<RecordOf<F>> {
  const list = fields as unknown as Fields as readonly (readonly [string, Codec<unknown>])[]
  return {
    write(writer, value) {
      for (const [name, codec] of list) codec.write(writer, (value as Record<string, unknown>)[name])
    },
    read:
      unrolled ??
      ((reader) => {
        const value: Record<string, unknown> = {}
        for (const [name, codec] of list) value[name] = codec.read(reader)
        return value as RecordOf<F>
      }),
  }
}

/** Nothing at all: requests and replies without a body. */
export const nothing: Codec<undefined> = { write: () => undefined, read: () => undefined }
