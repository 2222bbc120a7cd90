/**
 * The reply to our create got lost. Is there a znode of ours?
 *
 * Each create has a UUID of its own in its name, so the question is whether a child with that UUID is there, now or
 * ever. Asking is only worth something on the *same session*: the znode is ephemeral, and if the session is over, the
 * znode is dying with it and is not ours (CURATOR-498: taking it for ours is two holders a moment later).
 *
 * Why `sync` and then a list, in that order on one connection, settle it:
 * - The session's owner. When a session reconnects through another server, that server has the leader revalidate it
 *   before it answers the handshake, and the leader notes the new server as the session's owner. A create that comes
 *   from the old server after that fails in the leader's first processor with SESSION_MOVED. Through the same server,
 *   the old connection is closed before the session is opened again.
 * - What the leader took in before that is in front of our `sync` in its queue. The answer to a `sync` is sent down to
 *   our server behind the commits of everything proposed before it, so the list that follows sees the create.
 *   Without the `sync`, a server that lags behind (the lost reply never told us how far we must see) shows no such
 *   child, and we would queue up twice.
 * - After a change of leader, what only the old leader had is in its own queue and dies there, or it is in a log and
 *   then known to the new leader before it serves anyone.
 *
 * So "not there" means "never". The kernel still does not stake anything on it: the next try has a fresh UUID, each
 * later list of this client is searched for the old one, and the janitor looks once more a session timeout later
 * (a thread of a server that slept between reading a request and queueing it is not covered by the argument).
 */
import { hasCode } from '../../src/api/errors.js'
import { joinPath } from '../../src/api/path.js'
import type { Created, Session, Zk } from '../../src/api/zk.js'
import { beforeRetry, isOver, isPassing, isUnknown } from './failure.js'
import { inSync } from './in-sync.js'

/** A create whose outcome is open: in which znode, under which name (unique but for the sequence), on which session. */
export interface LostCreate {
  readonly container: string
  readonly prefix: string
  readonly session: Session
}

/**
 * What the create made, undefined if it made nothing, or if its session is over. Goes on through connection losses.
 * Rejects with the reason of `signal`, or with what the server refuses.
 */
export async function findLostCreate(
  zk: Zk,
  lost: LostCreate,
  signal: AbortSignal,
): Promise<Created | undefined> {
  for (let attempt = 1; !lost.session.signal.aborted; attempt++) {
    try {
      const session = await beforeRetry(zk, attempt, signal)
      if (session.generation !== lost.session.generation) return undefined
      return await look(zk, lost, signal)
    } catch (error) {
      if (signal.aborted) throw error
      if (hasCode(error, 'NO_NODE') || isOver(lost.session, error)) return undefined
      if (!isUnknown(error) && !isPassing(error)) throw error
    }
  }
  return undefined
}

async function look(zk: Zk, lost: LostCreate, signal: AbortSignal): Promise<Created | undefined> {
  const { container, prefix, session } = lost
  const options = { signal, generation: session.generation }
  const children = await listInSync(zk, container, options)
  const name = children.find((child) => child.startsWith(prefix))
  if (name === undefined) return undefined
  const path = joinPath(container, name)
  const stat = await zk.exists(path, options)
  // The owner is our session, unless somebody copies names; then it is not ours to keep or to delete.
  return stat?.ephemeralOwner === session.id ? { path, stat } : undefined
}

/** A list that is as new as the moment of the call, in one round trip. */
export async function listInSync(
  zk: Zk,
  path: string,
  options: { signal: AbortSignal; generation: number },
): Promise<string[]> {
  return (await inSync(zk, path, options, async () => zk.children(path, options))).children
}
