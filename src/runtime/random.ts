/** Chance, in one place: shuffles, jitter and names come from here, so that a seed replays them. */
import { randomBytes, randomUUID } from 'node:crypto'

export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** A version 4 UUID, lower case, with dashes. */
  uuid(): string
  /** `size` random bytes. */
  bytes(size: number): Buffer
}

export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => randomUUID(),
  bytes: (size) => randomBytes(size),
}

/**
 * A reproducible source (the mulberry32 generator). For simulation and tests only: nothing it gives is secret.
 *
 * @param seed - any integer; the same seed gives the same sequence on every machine.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const bytes = (size: number): Buffer => {
    const out = Buffer.allocUnsafe(size)
    for (let i = 0; i < size; i++) out[i] = Math.floor(next() * 256)
    return out
  }
  const uuid = (): string => {
    const raw = bytes(16)
    raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40
    raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80
    return raw.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  }
  return { next, uuid, bytes }
}

/** A shuffled copy of `items` (Fisher and Yates). */
export function shuffle<T>(items: readonly T[], random: Random): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1))
    const held = out[i] as T
    out[i] = out[j] as T
    out[j] = held
  }
  return out
}
