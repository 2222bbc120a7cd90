/**
 * Everything that a transaction changes: tree, sessions, last zxid. One writer, one order: what {@link commit} does is
 * done, told to the watches, to the log and to whoever observes, before the next request is looked at.
 *
 * Invariants: zxids go up by one, refused writes included; `apply` of the logged transactions, from the same start,
 * gives the same state; watches fire only for changes that stay.
 */
import { parentOf } from '../api/path.js'
import type { Runtime } from '../runtime/runtime.js'
import type { ServerSession, SessionTable } from './sessions.js'
import type { NodeChange, Transaction, TransactionBody } from './transactions.js'
import type { Undo } from './tree.js'
import { DataTree } from './tree.js'
import type { Change, Watcher, Watches } from './watches.js'
import type { Znode } from './znode.js'

export interface StateListener {
  /** Before any reply that tells of it goes out. */
  applied(transaction: Transaction): void
}

/** The node that a change made or altered (of a delete: the one that is gone), and how to take the change back. */
interface Applied {
  readonly node: Znode
  readonly undo: Undo
}

export class State<W extends Watcher = Watcher> {
  tree = new DataTree()
  readonly sessions: SessionTable<W>
  readonly watches: Watches<W>
  zxid = 0n
  readonly #runtime: Runtime
  readonly #listener: StateListener

  constructor(runtime: Runtime, sessions: SessionTable<W>, watches: Watches<W>, listener: StateListener) {
    this.#runtime = runtime
    this.sessions = sessions
    this.watches = watches
    this.#listener = listener
  }

  /** The wall clock, as it is written into stats. */
  time(): bigint {
    return BigInt(Math.floor(this.#runtime.clock.wall()))
  }

  /**
   * Takes a write of `session` that `prepare` has checked against the state as it is.
   *
   * @param prepare - throws a refusal, or says what to change; it sees the changes that it has made so far.
   */
  write<T>(session: bigint, prepare: (draft: Draft) => T): T {
    const draft = this.draft()
    let result: T
    try {
      result = prepare(draft)
    } catch (error) {
      this.refuse(session, draft, codeOf(error))
      throw error
    }
    this.commit(session, draft)
    return result
  }

  draft(): Draft {
    return new Draft(this.tree, this.zxid + 1n, this.time())
  }

  /** Makes the changes of a draft final. */
  commit(session: bigint, draft: Draft): void {
    this.#record(draft, session, draft.body())
    for (const change of draft.changes) this.watches.fire(change, draft.zxid)
  }

  /** Takes all of a draft back. The zxid is used up all the same. */
  refuse(session: bigint, draft: Draft, code: number): void {
    draft.undo()
    this.#record(draft, session, { type: 'error', code })
  }

  /** A refused request that never came as far as a draft. */
  burnZxid(session: bigint, code: number): void {
    this.refuse(session, this.draft(), code)
  }

  createSession(timeoutMs: number): ServerSession<W> {
    const seed = this.sessions.draw(timeoutMs)
    const session = this.sessions.add(seed)
    const stamp = { zxid: this.zxid + 1n, time: this.time() }
    this.#record(stamp, seed.id, { type: 'createSession', timeoutMs, password: seed.password })
    return session
  }

  /** Ends a session and deletes its ephemerals, all in one transaction. */
  closeSession(session: ServerSession<W>): void {
    const draft = this.draft()
    for (const path of this.tree.ephemeralsOf(session.id)) draft.apply({ type: 'delete', path })
    this.sessions.remove(session)
    this.#record(draft, session.id, { type: 'closeSession' })
    for (const change of draft.changes) this.watches.fire(change, draft.zxid)
  }

  setSequence(path: string, creates: number): void {
    const node = this.tree.get(path)
    if (node === undefined) throw new TypeError(`there is no znode ${path} whose counter could be set`)
    node.creates = creates | 0
    this.#record({ zxid: this.zxid, time: this.time() }, 0n, { type: 'setSequence', path, creates })
  }

  setVersion(path: string, version: number): void {
    const node = this.tree.get(path)
    if (node === undefined) throw new TypeError(`there is no znode ${path} whose version could be set`)
    this.write(0n, (draft) => draft.apply({ type: 'setData', path, data: node.data, version: version | 0 }))
  }

  /** Repeats a transaction from the log. Nobody is told. */
  replay(transaction: Transaction): void {
    const { zxid, time, session: id, body } = transaction
    this.zxid = zxid
    const draft = new Draft(this.tree, zxid, time)
    switch (body.type) {
      case 'multi':
        for (const change of body.changes) draft.apply(change)
        return
      case 'createSession':
        this.sessions.add({ id, password: Buffer.from(body.password ?? []), timeoutMs: body.timeoutMs })
        return
      case 'closeSession': {
        for (const path of this.tree.ephemeralsOf(id)) draft.apply({ type: 'delete', path })
        const session = this.sessions.get(id)
        if (session !== undefined) this.sessions.remove(session)
        return
      }
      case 'error':
        return
      case 'setSequence': {
        const node = this.tree.get(body.path)
        if (node !== undefined) node.creates = body.creates
        return
      }
      default:
        draft.apply(body)
    }
  }

  #record(stamp: { zxid: bigint; time: bigint }, session: bigint, body: TransactionBody): void {
    this.zxid = stamp.zxid
    this.#listener.applied({ zxid: stamp.zxid, time: stamp.time, session, body })
  }
}

function codeOf(error: unknown): number {
  const { code } = error as { code?: unknown }
  return typeof code === 'number' ? code : -1
}

/** The changes of one transaction, applied to the tree as they come, so that each sees those before it. */
export class Draft {
  readonly tree: DataTree
  readonly zxid: bigint
  readonly time: bigint
  readonly changes: Change[] = []
  readonly #applied: NodeChange[] = []
  readonly #undo: Undo[] = []
  /** Set by a multi, which is logged as one even with a single operation or none that changes anything. */
  isMulti = false

  constructor(tree: DataTree, zxid: bigint, time: bigint) {
    this.tree = tree
    this.zxid = zxid
    this.time = time
  }

  apply(change: NodeChange): Znode {
    const { node, undo } = this.#apply(change)
    this.#applied.push(change)
    this.#undo.push(undo)
    return node
  }

  #apply(change: NodeChange): Applied {
    const { tree, zxid, time } = this
    const { path } = change
    switch (change.type) {
      case 'create': {
        const { node, parent, undo } = tree.create(path, change, zxid, time)
        this.#changed('created', path, node, parent)
        return { node, undo }
      }
      case 'delete': {
        const { node, parent, undo } = tree.delete(path, zxid)
        this.#changed('deleted', path, node, parent)
        return { node, undo }
      }
      case 'setData': {
        const applied = tree.setData(path, change.data, change.version, zxid, time)
        this.changes.push({ type: 'dataChanged', path, acl: applied.node.acl, parent: path, parentAcl: [] })
        return applied
      }
      case 'setACL': {
        const before = tree.get(path)
        const [acl, aversion] = [before?.acl ?? [], before?.aversion ?? 0]
        const node = tree.setAcl(path, change.acl, change.version)
        return { node, undo: () => void tree.setAcl(path, acl, aversion) }
      }
    }
  }

  #changed(type: 'created' | 'deleted', path: string, node: Znode, parent: Znode): void {
    this.changes.push({ type, path, acl: node.acl, parent: parentOf(path), parentAcl: parent.acl })
  }

  undo(): void {
    for (let i = this.#undo.length - 1; i >= 0; i--) this.#undo[i]?.()
    this.#undo.length = this.#applied.length = this.changes.length = 0
  }

  body(): TransactionBody {
    const [only] = this.#applied
    if (!this.isMulti && only !== undefined) return only
    return { type: 'multi', changes: this.#applied }
  }
}
