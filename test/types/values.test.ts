import {
  bytesCodec,
  Counter,
  DoubleBarrier,
  jsonCodec,
  SharedValue,
  type BarrierPass,
  type Block,
  type Zk,
} from 'latchkey'
import type { Versioned } from 'latchkey'
import { expectTypeOf, test } from 'vitest'

declare const zk: Zk

test('a counter has bigints, or numbers where asked for', () => {
  const exact = (): Counter => new Counter(zk, '/c')
  const small = (): Counter<'number'> => new Counter(zk, '/c', { as: 'number', initial: 1 })
  expectTypeOf<ReturnType<ReturnType<typeof exact>['add']>>().toEqualTypeOf<Promise<bigint>>()
  expectTypeOf<ReturnType<ReturnType<typeof small>['add']>>().toEqualTypeOf<Promise<number>>()
  expectTypeOf<ReturnType<ReturnType<typeof small>['block']>>().toEqualTypeOf<Promise<Block<'number'>>>()
  // @ts-expect-error -- a number where a bigint is expected
  expectTypeOf<Parameters<Counter['add']>[0]>().toEqualTypeOf<number>()
})

test('a shared value has the type of its codec', () => {
  const config = () => new SharedValue(zk, '/v', { codec: jsonCodec<{ rps: number }>() })
  expectTypeOf<ReturnType<ReturnType<typeof config>['get']>>().toEqualTypeOf<
    Promise<Versioned<{ rps: number }>>
  >()
  const raw = () => new SharedValue(zk, '/v', { codec: bytesCodec })
  expectTypeOf<ReturnType<ReturnType<typeof raw>['get']>>().toEqualTypeOf<Promise<Versioned<Uint8Array>>>()
})

test('a double barrier needs to know its members, and gives a pass', () => {
  expectTypeOf<ConstructorParameters<typeof DoubleBarrier>[2]>().toHaveProperty('members')
  expectTypeOf<ReturnType<DoubleBarrier['enter']>>().toEqualTypeOf<Promise<BarrierPass>>()
})
