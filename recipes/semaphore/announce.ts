/** Tells whoever waits right behind a place that it waits no more: see permit-turn.ts. */
import { hasCode } from '../../src/api/errors.js'
import type { Data } from '../../src/api/zk.js'
import { beforeRetry, isOver, isPassing, isUnknown } from '../kernel/failure.js'
import type { Place } from '../kernel/place.js'

/** The write is on its way when this returns. Never rejects; goes on until it is done or the znode is gone. */
export async function announce(place: Place, data: Data): Promise<void> {
  const { zk, path, session } = place
  place.writing()
  for (let repetition = 0; !session.signal.aborted; repetition++) {
    try {
      if (repetition > 0) await beforeRetry(zk, repetition, session.signal)
      await zk.set(path, data, { version: 0, generation: session.generation })
      return
    } catch (error) {
      // Gone: its deletion tells as much. Written already (a revoker's mark, which must stay): that did.
      if (hasCode(error, 'NO_NODE', 'BAD_VERSION') || isOver(session, error)) return
      if (isUnknown(error) || isPassing(error)) continue
      const what = 'can not write our own znode: whoever waits behind it is not let in before it is released'
      zk.logger.warn({ path, error }, what)
      return
    }
  }
}
