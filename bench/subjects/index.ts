/** All subjects, in the order of the tables. */
import { curator } from './curator.js'
import { etcd } from './etcd.js'
import { kazoo } from './kazoo.js'
import { latchkey, latchkeyWithCurators, latchkeyWithoutMarker } from './latchkey.js'
import { leanProbe } from './lean-probe.js'
import { nodeZookeeperClient } from './node-zookeeper-client.js'
import { redlock } from './redlock.js'
import type { Subject } from './subject.js'
import { zookeeper } from './zookeeper.js'

export const subjects: readonly Subject[] = [
  latchkey,
  latchkeyWithCurators,
  latchkeyWithoutMarker,
  leanProbe,
  nodeZookeeperClient,
  zookeeper,
  curator,
  kazoo,
  etcd,
  redlock,
]
