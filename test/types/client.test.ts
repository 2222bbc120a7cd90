/** The types that users build on. Checked by the compiler (`npm run typecheck`), which fails where one changes. */
import {
  type CallOptions,
  type CheckResult,
  type Client,
  connect,
  type Created,
  type CreateResult,
  type DeleteResult,
  type ErrorCode,
  hasCode,
  type LockLostError,
  type LostReason,
  type NodeData,
  type Session,
  type SessionState,
  type SetResult,
  type Stat,
  type TransactionError,
  type ZkError,
  type Zk,
} from 'latchkey'
import { describe, expectTypeOf, test } from 'vitest'

declare const zk: Client

describe('the client', () => {
  test('connect gives a client that recipes accept and that can be disposed of', () => {
    expectTypeOf(connect).returns.resolves.toEqualTypeOf<Client>()
    expectTypeOf<Client>().toExtend<Zk & AsyncDisposable>()
    expectTypeOf(connect).parameter(0).toEqualTypeOf<string | undefined>()
  })

  test('reads and writes are typed', () => {
    expectTypeOf<Client['create']>().returns.resolves.toEqualTypeOf<Created>()
    expectTypeOf<Client['get']>().returns.resolves.toEqualTypeOf<NodeData>()
    expectTypeOf<Client['exists']>().returns.resolves.toEqualTypeOf<Stat | undefined>()
    expectTypeOf<Client['state']>().toEqualTypeOf<SessionState>()
    expectTypeOf<Client['session']>().toEqualTypeOf<Session | undefined>()
  })

  test('what the protocol calls long is a bigint', () => {
    expectTypeOf<Stat['czxid']>().toEqualTypeOf<bigint>()
    expectTypeOf<Session['id']>().toEqualTypeOf<bigint>()
  })

  test('every call takes a signal and a time limit', () => {
    expectTypeOf<NonNullable<Parameters<Client['get']>[1]>>().toExtend<CallOptions>()
    expectTypeOf<CallOptions>().toHaveProperty('signal').toEqualTypeOf<AbortSignal | undefined>()
    expectTypeOf<CallOptions>().toHaveProperty('timeoutMs').toEqualTypeOf<number | undefined>()
  })

  test('a transaction has the types of its results', () => {
    type Results = readonly [CreateResult, SetResult, CheckResult, DeleteResult]
    const commit = (): Promise<Results> =>
      zk.transaction().create('/a').set('/a', 'x').check('/b', { version: 1 }).delete('/c').commit()
    expectTypeOf(commit).returns.resolves.toEqualTypeOf<Results>()
  })

  test('mistakes do not compile', () => {
    // @ts-expect-error -- a mode that is none
    const mode = (): unknown => zk.create('/a', null, { mode: 'ephemeralish' })
    // @ts-expect-error -- a version is a number
    const version = (): unknown => zk.delete('/a', { version: '1' })
    // @ts-expect-error -- an option that is none
    const option = (): unknown => connect('a:1', { timeout: 5 })
    // @ts-expect-error -- data is bytes or text
    const data = (): unknown => zk.set('/a', { a: 1 })
    expectTypeOf([mode, version, option, data]).toBeArray()
  })
})

describe('errors', () => {
  test('hasCode narrows', () => {
    const caught = (error: unknown): ErrorCode | undefined =>
      hasCode(error, 'NO_NODE') ? error.code : undefined
    expectTypeOf(caught).returns.toEqualTypeOf<ErrorCode | undefined>()
    // @ts-expect-error -- a code that is none
    const wrong = (error: unknown): boolean => hasCode(error, 'NO_SUCH_CODE')
    expectTypeOf(wrong).toBeFunction()
  })

  test('the classes carry what their handlers need', () => {
    expectTypeOf<ZkError['outcome']>().toEqualTypeOf<'rejected' | 'unknown'>()
    expectTypeOf<ZkError['terminal']>().toEqualTypeOf<boolean>()
    expectTypeOf<LockLostError>().toExtend<ZkError>()
    expectTypeOf<LockLostError['reason']>().toEqualTypeOf<LostReason>()
    expectTypeOf<TransactionError['failure']>().toEqualTypeOf<ZkError>()
  })
})
