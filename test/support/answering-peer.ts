/** Scripts of a peer that answers every request with the same `Stat`: enough for `exists` and `set`. */
import { statReply } from '../../src/protocol/records.js'
import { encode, type Script } from './scripted-peer.js'

const zeros = { version: 0, cversion: 0, aversion: 0, dataLength: 0, numChildren: 0 }
/** Of a znode without data and children. */
export const STAT = { czxid: 1n, mzxid: 1n, ctime: 0n, mtime: 0n, ephemeralOwner: 0n, pzxid: 1n, ...zeros }
export const EXISTS = encode(statReply, { stat: STAT })

/** Reads and writes are answered; what the test wants to see is in the peer's list. */
export const ANSWER: Script = answeringWhile(() => true)

/** While `answers` says no, requests are heard and not answered. */
export function answeringWhile(answers: () => boolean): Script {
  return {
    request: (request, peer) => {
      if (answers()) peer.reply(request.xid, { body: EXISTS })
    },
  }
}
