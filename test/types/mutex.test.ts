/** The types of locks. Checked by the compiler (`npm run typecheck`), which fails where one changes. */
import { type Client, type Hold, Mutex, type MutexContender, type TransactionResult, type Zk } from 'latchkey'
import { describe, expectTypeOf, test } from 'vitest'

// Never called: the compiler alone reads these tests, and only the arguments' types count.
const zk = null as unknown as Client
declare const hold: Hold

describe('Mutex', () => {
  test('stands on anything that is a Zk', () => {
    expectTypeOf(Mutex).toBeConstructibleWith({} as Zk, '/lock')
    expectTypeOf(Mutex).toBeConstructibleWith(zk, '/lock', { dialect: 'kazoo' })
  })

  test('acquire gives a hold; tryAcquire may give none', () => {
    expectTypeOf<Mutex['acquire']>().returns.resolves.toEqualTypeOf<Hold>()
    expectTypeOf<Mutex['tryAcquire']>().returns.resolves.toEqualTypeOf<Hold | undefined>()
    expectTypeOf<Mutex['contenders']>().returns.resolves.toEqualTypeOf<MutexContender[]>()
  })

  test('run gives what its function gives', () => {
    const run = (lock: Mutex): Promise<number> => lock.run(() => 5)
    const later = (lock: Mutex): Promise<string> => lock.run(async (held) => held.path)
    expectTypeOf([run, later]).toBeArray()
  })

  test('mistakes do not compile', () => {
    // @ts-expect-error -- a dialect that is none
    const dialect = (): unknown => new Mutex(zk, '/lock', { dialect: 'redis' })
    // @ts-expect-error -- an option that is none
    const option = (lock: Mutex): unknown => lock.acquire({ timeout: 5 })
    expectTypeOf([dialect, option]).toBeArray()
  })
})

describe('a hold', () => {
  test('has a token, a signal and an end', () => {
    expectTypeOf<Hold['fencingToken']>().toEqualTypeOf<bigint>()
    expectTypeOf<Hold['signal']>().toEqualTypeOf<AbortSignal>()
    expectTypeOf<Hold>().toExtend<AsyncDisposable>()
  })

  test('guards a transaction without losing the types of its results', () => {
    const guarded = (): Promise<readonly TransactionResult[]> =>
      hold.guard(zk.transaction().set('/a', 'x')).commit()
    const version = async (): Promise<number> => {
      const [set] = await hold.guard(zk.transaction().set('/a', 'x')).commit()
      return set.stat.version
    }
    expectTypeOf([guarded, version]).toBeArray()
  })
})
