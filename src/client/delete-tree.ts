/** Deletes a subtree, deepest first, in transactions of bounded size, with a bounded number of lists under way. */
import { hasCode, TimeoutError, TransactionError, ZkError } from '../api/errors.js'
import { joinPath } from '../api/path.js'
import type { CallOptions, Transaction, TransactionResult, Zk } from '../api/zk.js'
import { Deadline } from '../runtime/abort.js'

export interface DeleteTreeOptions {
  /** Deletions in one transaction. Default: 100. */
  readonly batchSize?: number
  /** Refuses, before deleting anything, if there are more znodes than this. Default: no limit. */
  readonly maxNodes?: number
}

type Tree = Pick<Zk, 'children' | 'delete' | 'transaction' | 'runtime'>

const LISTS_AT_ONCE = 64

export async function deleteTree(
  zk: Tree,
  path: string,
  options: DeleteTreeOptions & CallOptions,
): Promise<number> {
  const batchSize = options.batchSize ?? 100
  const maxNodes = options.maxNodes ?? Infinity
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new RangeError(`batchSize must be a whole number ≥ 1, got ${batchSize}`)
  if (typeof maxNodes !== 'number' || !(maxNodes >= 1))
    throw new RangeError(`maxNodes must be a number ≥ 1, got ${String(maxNodes)}`)
  const timeout = (): TimeoutError =>
    new TimeoutError(
      `deleteRecursive ${path}: not done within ${options.timeoutMs} ms; part of it may be gone`,
      { path, outcome: 'unknown' },
    )
  using deadline = new Deadline(zk.runtime.clock, options, timeout)
  const limits: CallOptions = { signal: deadline.signal, generation: options.generation }
  let deleted = 0
  for (;;) {
    deadline.throwIfOver()
    const paths = await walk(zk, path, maxNodes, limits)
    if (paths.length === 0) return deleted
    for (let at = 0; at < paths.length; at += batchSize) {
      deleted += await deleteBatch(zk, paths.slice(at, at + batchSize), limits)
    }
    // Whoever added children meanwhile kept their parents alive: look again.
  }
}

/** All paths of the subtree, each behind its own children. */
async function walk(zk: Tree, root: string, maxNodes: number, limits: CallOptions): Promise<string[]> {
  const found: string[] = []
  let level = [root]
  while (level.length > 0) {
    const next: string[] = []
    for (let at = 0; at < level.length; at += LISTS_AT_ONCE) {
      const slice = level.slice(at, at + LISTS_AT_ONCE)
      const lists = await Promise.all(slice.map(async (path) => childrenOf(zk, path, limits)))
      lists.forEach((names, index) => {
        const path = slice[index] ?? ''
        if (names === undefined) return
        found.push(path)
        for (const name of names) next.push(joinPath(path, name))
      })
      if (found.length + next.length > maxNodes) {
        throw new ZkError(
          'BAD_ARGUMENTS',
          `deleteRecursive ${root}: more than maxNodes (${maxNodes}) znodes; nothing was deleted`,
          { path: root },
        )
      }
    }
    level = next
  }
  return found.reverse()
}

async function childrenOf(
  zk: Tree,
  path: string,
  limits: CallOptions,
): Promise<readonly string[] | undefined> {
  try {
    return (await zk.children(path, limits)).children
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return undefined
    throw error
  }
}

async function deleteBatch(zk: Tree, paths: readonly string[], limits: CallOptions): Promise<number> {
  let transaction: Transaction<readonly TransactionResult[]> = zk.transaction()
  for (const path of paths) transaction = transaction.delete(path)
  try {
    await transaction.commit(limits)
    return paths.length
  } catch (error) {
    if (!isRace(error)) throw error
    // Something changed under us, or the answer was lost: one at a time tells the rest apart.
    let deleted = 0
    for (const path of paths) deleted += (await deleteOne(zk, path, limits)) ? 1 : 0
    return deleted
  }
}

function isRace(error: unknown): boolean {
  if (error instanceof TransactionError) return hasCode(error.failure, 'NO_NODE', 'NOT_EMPTY')
  return hasCode(error, 'CONNECTION_LOSS')
}

async function deleteOne(zk: Tree, path: string, limits: CallOptions): Promise<boolean> {
  for (;;) {
    try {
      await zk.delete(path, limits)
      return true
    } catch (error) {
      if (hasCode(error, 'CONNECTION_LOSS')) continue
      if (hasCode(error, 'NO_NODE', 'NOT_EMPTY')) return false
      throw error
    }
  }
}
