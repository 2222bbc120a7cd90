/** Everything at one moment, in a file: a head with the counts, then sessions, then znodes, parents first. */
import { Reader } from '../codec/reader.js'
import type { TypeOf } from '../codec/codec.js'
import { bytes, int, long, record, string } from '../codec/codec.js'
import { aclList } from '../protocol/records.js'
import type { Caller } from './handlers/context.js'
import { DamagedFile, RecordWriter, readRecords } from './record-file.js'
import type { State } from './state.js'
import { KINDS, Znode } from './znode.js'

const head = record([
  ['zxid', long],
  ['sessions', int],
  ['nodes', int],
])
const session = record([
  ['id', long],
  ['password', bytes],
  ['timeoutMs', int],
])
const znode = record([
  ['path', string],
  ['data', bytes],
  ['acl', aclList],
  ['kind', int],
  ['owner', long],
  ['czxid', long],
  ['mzxid', long],
  ['pzxid', long],
  ['ctime', long],
  ['mtime', long],
  ['version', int],
  ['aversion', int],
  ['creates', int],
])

/** Writes the state to `path` and waits until it is on the disk. */
export function writeSnapshot(path: string, state: State<Caller>): void {
  const file = new RecordWriter(path)
  const { sessions, tree, zxid } = state
  file.append((writer) => head.write(writer, { zxid, sessions: sessions.size, nodes: tree.size }))
  for (const each of sessions.all()) file.append((writer) => session.write(writer, each))
  for (const [path, node] of tree.entries()) file.append((writer) => znode.write(writer, entryOf(path, node)))
  file.sync()
  file.close()
}

function entryOf(path: string, node: Znode): TypeOf<typeof znode> {
  const { data, acl, czxid, mzxid, pzxid, ctime, mtime, version, aversion, creates } = node
  const { kind, value } = node.owner
  const stat = { czxid, mzxid, pzxid, ctime, mtime, version, aversion, creates }
  return { path, data, acl, kind: KINDS.indexOf(kind), owner: value, ...stat }
}

/** Puts what is in the file into `state`, which must be new. Throws if the file is not whole. */
export function loadSnapshot(path: string, state: State<Caller>): void {
  const { bodies, goodBytes, isTorn } = readRecords(path)
  const [first, ...rest] = bodies
  if (first === undefined || isTorn) throw new DamagedFile(path, goodBytes, 'it ends there')
  const reader = new Reader(first)
  const { zxid, sessions, nodes } = head.read(reader)
  if (rest.length !== sessions + nodes) throw new DamagedFile(path, goodBytes, 'records are missing')
  state.zxid = zxid
  for (const body of rest.slice(0, sessions)) {
    const { id, password, timeoutMs } = session.read(reader.reset(body))
    state.sessions.add({ id, password: Buffer.from(password ?? []), timeoutMs })
  }
  for (const body of rest.slice(sessions)) {
    const { path: at, data, acl, kind, owner, ...stat } = znode.read(reader.reset(body))
    const node = new Znode(data, acl, { kind: KINDS[kind] ?? 'persistent', value: owner }, 0n, 0n)
    Object.assign(node, stat)
    state.tree.load(at, node)
  }
}
