import {
  bytesCodec,
  Counter,
  DoubleBarrier,
  jsonCodec,
  RateLimiter,
  SharedValue,
  type BarrierPass,
  type Block,
  type Zk,
} from 'latchkey'
import type { Versioned } from 'latchkey'
import { expectTypeOf, test } from 'vitest'

declare const zk: Zk

test('a counter has bigints, or numbers where asked for', () => {
  expectTypeOf(async () => new Counter(zk, '/c').add(1n)).returns.toEqualTypeOf<Promise<bigint>>()
  const small = { as: 'number', initial: 1 } as const
  expectTypeOf(async () => new Counter(zk, '/c', small).add(1)).returns.toEqualTypeOf<Promise<number>>()
  expectTypeOf(async () => new Counter(zk, '/c', small).block(1)).returns.toEqualTypeOf<
    Promise<Block<'number'>>
  >()
  // @ts-expect-error -- a number where a bigint is expected
  expectTypeOf(async () => new Counter(zk, '/c').add(1)).toBeFunction()
})

test('a shared value has the type of its codec', () => {
  const codec = jsonCodec<{ rps: number }>()
  expectTypeOf(async () => new SharedValue(zk, '/v', { codec }).get()).returns.toEqualTypeOf<
    Promise<Versioned<{ rps: number }>>
  >()
  expectTypeOf(async () => new SharedValue(zk, '/v', { codec: bytesCodec }).get()).returns.toEqualTypeOf<
    Promise<Versioned<Uint8Array>>
  >()
})

test('a double barrier needs to know its members, and gives a pass', () => {
  const barrier = (): DoubleBarrier => new DoubleBarrier(zk, '/b', { members: 3 })
  expectTypeOf(async () => barrier().enter()).returns.toEqualTypeOf<Promise<BarrierPass>>()
  // @ts-expect-error -- how many?
  expectTypeOf(() => new DoubleBarrier(zk, '/b', {})).toBeFunction()
})

test('a rate limiter needs its limit, and gives nothing to hold', () => {
  const limiter = (): RateLimiter =>
    new RateLimiter(zk, '/r', { permits: 3, intervalMs: 1_000, scope: 'client' })
  expectTypeOf(async () => limiter().acquire(2, { timeoutMs: 1 })).returns.toEqualTypeOf<Promise<void>>()
  expectTypeOf(async () => limiter().tryAcquire()).returns.toEqualTypeOf<Promise<boolean>>()
  expectTypeOf(async () => limiter().remaining()).returns.toEqualTypeOf<Promise<number>>()
  // @ts-expect-error -- in how much time?
  expectTypeOf(() => new RateLimiter(zk, '/r', { permits: 3 })).toBeFunction()
})
