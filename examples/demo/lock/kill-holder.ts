/**
 * Kills a worker at a moment when it holds the lock, and can prove that it did: the worker is stopped with SIGSTOP in
 * the middle of its turn, the server is asked who holds the lock, and only if it is that worker comes SIGKILL.
 */
import type { Mutex } from 'latchkey'
import type { Doing, Fleet, Worker } from '../fleet.js'
import { nowUs } from '../messages.js'

export interface Grant {
  readonly worker: Worker
  readonly fence: bigint
  readonly atUs: number
}

export interface Kill {
  readonly worker: Worker
  /** Of the turn that was cut off. */
  readonly fence: bigint
  readonly atUs: number
}

export async function nextGrant(fleet: Fleet, signal: AbortSignal): Promise<Grant> {
  for (;;) {
    const deed = await fleet.nextDeed(signal)
    if (deed.kind === 'granted') return { ...deed, fence: BigInt(deed.fence) }
  }
}

/** Stops the worker of the next grant, at once: in the event itself, before anything else runs. */
async function stopNextHolder(fleet: Fleet, signal: AbortSignal): Promise<Grant> {
  const stop = ({ worker }: Doing): void => void worker.process.kill('SIGSTOP')
  fleet.once('deed', stop)
  try {
    return await nextGrant(fleet, signal)
  } finally {
    fleet.off('deed', stop)
  }
}

async function holdsNow({ worker, fence }: Grant, lock: Mutex): Promise<boolean> {
  const [holder] = await lock.contenders()
  return holder !== undefined && holder.sessionId === worker.session && holder.czxid === fence
}

/** Tries again with the next holder when the worker had let go before the signal reached it. */
export async function killHolder(fleet: Fleet, lock: Mutex, signal: AbortSignal): Promise<Kill> {
  for (;;) {
    const grant = await stopNextHolder(fleet, signal)
    const { worker, fence } = grant
    // Asked twice: a release that it sent before it was stopped may still have been on its way at the first time.
    if ((await holdsNow(grant, lock)) && (await holdsNow(grant, lock))) {
      const atUs = nowUs()
      worker.kill()
      return { worker, fence, atUs }
    }
    worker.process.kill('SIGCONT')
  }
}
