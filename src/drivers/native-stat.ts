/** A stat of the npm `zookeeper` package, in our types. Its zxids are doubles: beyond 2^53 they would be wrong. */
import { UnsupportedError } from '../api/errors.js'
import type { Stat } from '../api/stat.js'
import type { ZooKeeperStat } from './zookeeper-package.js'

export function toStat(stat: ZooKeeperStat): Stat {
  return {
    czxid: exact(stat.czxid),
    mzxid: exact(stat.mzxid),
    pzxid: exact(stat.pzxid),
    ctime: BigInt(Number(stat.ctime)),
    mtime: BigInt(Number(stat.mtime)),
    version: stat.version,
    cversion: stat.cversion,
    aversion: stat.aversion,
    ephemeralOwner: BigInt.asIntN(64, BigInt(`0x${stat.ephemeralOwner}`)),
    dataLength: stat.dataLength,
    numChildren: stat.numChildren,
  }
}

/** A rounded zxid would be a fencing token that two holders share: better no answer than that one. */
function exact(zxid: number): bigint {
  if (Number.isSafeInteger(zxid)) return BigInt(zxid)
  const what =
    `zxid ${zxid} is beyond 2^53, and the npm package zookeeper rounds it: ` +
    'use the built-in client, connect() of latchkey'
  throw new UnsupportedError('UNSUPPORTED', what)
}
