/** A worker's part: takes the lock, increments the counter, lets go, again and again. */
import { Mutex } from 'latchkey'
import { append } from '../journal.js'
import { nowUs } from '../messages.js'
import type { Part } from '../worker.js'
import { filesOf, increment, lockPathOf, readCounter, type Entry } from './counter.js'

export async function work(part: Part): Promise<void> {
  const lock = new Mutex(part.zk, lockPathOf(part.post.root))
  while (!part.signal.aborted) await takeTurn(lock, part)
}

async function takeTurn(lock: Mutex, { post, signal, tell }: Part): Promise<void> {
  const { counterFile, journalFile } = filesOf(post.folder)
  const { worker } = post
  const note = (entry: Entry): void => append(journalFile, entry)
  const hold = await lock.acquire({ signal }).catch((error: unknown) => {
    if (signal.aborted) return undefined
    throw error
  })
  if (hold === undefined) return
  try {
    const atUs = nowUs()
    const fence = hold.fencingToken.toString()
    const from = readCounter(counterFile)
    note({ kind: 'begin', worker, fence, from, atUs })
    tell({ kind: 'granted', fence, atUs })
    const to = await increment(counterFile, from)
    note({ kind: 'end', worker, fence, to, atUs: nowUs() })
  } finally {
    await hold.release()
  }
}
