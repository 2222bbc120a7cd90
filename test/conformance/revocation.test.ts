/** Asking and breaking holders, guarded writes and the loss policy, of each kind of hold, on the run's servers. */
import { describe, expect, it } from 'vitest'
import type { Transaction, TransactionResult } from 'latchkey'
import { hasCode, MultiLock, Mutex, ReadWriteLock, Semaphore, TransactionError } from 'latchkey'
import { untilChildren, untilLost } from './lock-stage.js'
import { itNeedsTransactions, recipeStage, type RecipeClient } from './recipe-stage.js'

interface Held {
  readonly signal: AbortSignal
  onRevokeRequested(listener: () => void): () => void
  guard(transaction: Transaction): Transaction<readonly TransactionResult[]>
  confirm(): Promise<void>
  release(): Promise<void>
}

interface Kind {
  readonly acquire: (zk: RecipeClient, path: string) => Promise<Held>
  /** Marks the first contender, or breaks it. */
  readonly revokeFirst: (zk: RecipeClient, path: string) => Promise<string>
  readonly breakFirst: (zk: RecipeClient, path: string) => Promise<string>
}

interface Revocable<C> {
  contenders(): Promise<readonly C[]>
  revoke(contender: C): Promise<string>
  break(contender: C): Promise<string>
}

async function first<C>(lock: Revocable<C>, act: 'revoke' | 'break'): Promise<string> {
  const [found] = await lock.contenders()
  if (found === undefined) throw new Error('nobody is there')
  return lock[act](found)
}

function kind<C>(lockAt: (zk: RecipeClient, path: string) => Revocable<C>, acquire: Kind['acquire']): Kind {
  return {
    acquire,
    revokeFirst: async (zk, path) => first(lockAt(zk, path), 'revoke'),
    breakFirst: async (zk, path) => first(lockAt(zk, path), 'break'),
  }
}

const pool = (zk: RecipeClient, path: string, dialect: 'native' | 'curator'): Semaphore =>
  new Semaphore(zk, path, { permits: 2, dialect })

const kinds: Readonly<Record<string, Kind>> = {
  mutex: kind(
    (zk, path) => new Mutex(zk, path),
    async (zk, path) => new Mutex(zk, path).acquire(),
  ),
  'read lock': kind(
    (zk, path) => new ReadWriteLock(zk, path).readLock,
    async (zk, path) => new ReadWriteLock(zk, path).readLock.acquire(),
  ),
  'write lock': kind(
    (zk, path) => new ReadWriteLock(zk, path).writeLock,
    async (zk, path) => new ReadWriteLock(zk, path).writeLock.acquire(),
  ),
  'downgraded write lock': kind(
    (zk, path) => new ReadWriteLock(zk, path),
    async (zk, path) => (await new ReadWriteLock(zk, path).writeLock.acquire()).downgrade(),
  ),
  'multi-lock': kind(
    (zk, path) => new Mutex(zk, `${path}/b`),
    async (zk, path) => new MultiLock(zk, [`${path}/b`, `${path}/a`]).acquire(),
  ),
  'semaphore, native': kind(
    (zk, path) => pool(zk, path, 'native'),
    async (zk, path) => pool(zk, path, 'native').acquire(2),
  ),
  'semaphore, curator': kind(
    (zk, path) => pool(zk, path, 'curator'),
    async (zk, path) => pool(zk, path, 'curator').acquire(2),
  ),
}

interface Sides {
  readonly path: string
  readonly data: string
  readonly holder: RecipeClient
  readonly operator: RecipeClient
}

async function bothSides(): Promise<Sides> {
  const { path: root, zks } = await recipeStage(2)
  const [path, data] = [`${root}/lock`, `${root}/data`]
  const [holder, operator] = zks as [RecipeClient, RecipeClient]
  await holder.create(path)
  await holder.create(data)
  await operator.sync(root)
  return { path, data, holder, operator }
}

describe.each(Object.entries(kinds))('%s', (name, { acquire, revokeFirst, breakFirst }) => {
  const itHolds = name === 'semaphore, curator' ? itNeedsTransactions : it

  itHolds('a holder is asked, then broken, and knows both', async () => {
    const { path, holder, operator } = await bothSides()
    const hold = await acquire(holder, path)
    const { signal } = hold
    const told = new Promise<void>((resolve) => hold.onRevokeRequested(resolve))
    expect(await revokeFirst(operator, path)).toBe('asked')
    await told
    await hold.confirm()
    await untilLost(signal, ['revoked'], async () => expect(await breakFirst(operator, path)).toBe('broken'))
    await hold.release()
  })

  itNeedsTransactions('what it guards fails from the moment that it is broken', async () => {
    const { path, data, holder, operator } = await bothSides()
    const hold = await acquire(holder, path)
    const { signal } = hold
    await hold.guard(holder.transaction().set(data, 'while held') as unknown as Transaction).commit()
    const late = hold.guard(holder.transaction().set(data, 'too late') as unknown as Transaction)
    await untilLost(signal, ['revoked'], async () => expect(await breakFirst(operator, path)).toBe('broken'))
    const error: unknown = await late.commit().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TransactionError)
    expect(hasCode((error as TransactionError).failure, 'NO_NODE')).toBe(true)
    expect((await holder.get(data)).data.toString()).toBe('while held')
    await hold.release()
  })

  itHolds('a break that comes unasked is told from a deletion by hand', async () => {
    const { path, holder, operator } = await bothSides()
    const hold = await acquire(holder, path)
    const { signal } = hold
    // The watch stands when something that was sent behind it is answered.
    await holder.sync('/')
    await untilLost(signal, ['revoked'], async () => expect(await breakFirst(operator, path)).toBe('broken'))
    await hold.release()
  })
})

it('a deletion by hand is told as such', async () => {
  const { path, holder, operator } = await bothSides()
  const hold = await new Mutex(holder, path).acquire()
  const { signal } = hold
  await holder.sync('/')
  await operator.sync('/')
  await untilLost(signal, ['node-deleted'], async () => operator.delete(hold.path))
  await hold.release()
  await untilChildren(operator, path, 0)
})
