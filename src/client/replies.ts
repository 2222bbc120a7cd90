/** Replies in the form that callers get. */
import type { Stat } from '../api/stat.js'
import type { NodeData } from '../api/zk.js'
import { EMPTY } from './arguments.js'

export function statOf(reply: { stat: Stat }): Stat {
  return reply.stat
}

export function nodeData(reply: { data: Uint8Array | null; stat: Stat }): NodeData {
  // The reader gives Buffers of their own; a null from the server is a znode without data.
  return reply.data === null ? { data: EMPTY, stat: reply.stat } : (reply as NodeData)
}
