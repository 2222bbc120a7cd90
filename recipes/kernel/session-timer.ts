/** A timer that ends with a session, so that none is left when its client is closed. */
import type { Session, Zk } from '../../src/api/zk.js'
import { onAbort } from '../../src/runtime/abort.js'
import type { Timer } from '../../src/runtime/clock.js'

/** Calls `fn` once, `ms` milliseconds from now, unless the session is over by then. */
export function sessionTimer(zk: Zk, session: Session, ms: number, fn: () => void): Timer {
  const timer = zk.runtime.clock.setTimer(ms, () => {
    unlisten()
    fn()
  })
  const unlisten = onAbort(session.signal, () => timer.cancel())
  return {
    cancel: () => {
      timer.cancel()
      unlisten()
    },
  }
}
