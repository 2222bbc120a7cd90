/** Layouts in which a lock guards a list of leases, one znode a permit: those of Curator and kazoo. */
import { hasCode, ZkError } from '../../src/api/errors.js'
import { joinPath, parentOf } from '../../src/api/path.js'
import type { CreateMode } from '../../src/api/zk.js'
import type { Attempt } from '../kernel/attempt.js'
import { dialects, sequenceOf, type Dialect } from '../kernel/dialect.js'
import { makeContainer, throwUnlessPassing, type QueueSpec } from '../kernel/enqueue.js'
import { beforeRetry } from '../kernel/failure.js'
import { SEQUENCE_PATTERN } from '../kernel/sequence.js'

export interface GuardedLayout {
  readonly name: 'curator' | 'kazoo'
  readonly lockPath: (path: string) => string
  readonly lock: Dialect
  readonly leasesPath: (path: string) => string
  readonly leases: Dialect
  readonly leaseMode: CreateMode & ('ephemeral' | 'ephemeralSequential')
  /** Makes the parent of the leases, and checks what others wrote there. Called before first use and when it is missing. */
  readonly prepare: (leases: QueueSpec, permits: number, attempt: Attempt) => Promise<void>
}

const endsInSequence = new RegExp(`${SEQUENCE_PATTERN}$`)

/** The children that take a permit. What has a sequence number may be somebody's lease; the rest is nobody's. */
export function leasesIn(children: readonly string[], leases: Dialect): readonly string[] {
  return children.filter((name) => sequenceOf(leases, name) !== undefined || endsInSequence.test(name))
}

/** InterProcessSemaphoreV2. */
export const curatorLayout: GuardedLayout = {
  name: 'curator',
  lockPath: (path) => joinPath(path, 'locks'),
  lock: dialects.curator,
  leasesPath: (path) => joinPath(path, 'leases'),
  leases: {
    ...dialects.curator,
    create: '_c_{uuid}-lease-',
    contenders: [new RegExp(`lease-${SEQUENCE_PATTERN}$`)],
  },
  leaseMode: 'ephemeralSequential',
  prepare: async (leases, _permits, attempt) => makeContainer(leases, attempt),
}

/** kazoo's Semaphore. Its leases have no numbers. */
export const kazooLayout: GuardedLayout = {
  name: 'kazoo',
  lockPath: (path) => `${path}-__lock__`,
  lock: dialects.kazoo,
  leasesPath: (path) => path,
  leases: {
    ...dialects.kazoo,
    create: '{hex}',
    contenders: [/^[0-9a-f]{32}()$/],
    parseSequence: () => 0,
  },
  leaseMode: 'ephemeral',
  prepare: agreeOnMax,
}

/** Whoever makes the znode writes the number of permits into it, in ASCII; what is no number, kazoo ignores. */
async function agreeOnMax(
  { zk, container, acl }: QueueSpec,
  permits: number,
  attempt: Attempt,
): Promise<void> {
  const { signal } = attempt
  for (let repetition = 1; ; repetition++) {
    try {
      await beforeRetry(zk, repetition, signal)
      attempt.stage = 'comparing the number of permits'
      const { data } = await zk.get(container, { signal })
      const found = data.toString()
      if (!/^\s*[+-]?\d+\s*$/.test(found) || Number(found) === permits) return
      const message = `${container} says that there are ${found} permits, not ${permits}: all must agree`
      throw new ZkError('DATA_INCONSISTENCY', message, { path: container })
    } catch (error) {
      signal.throwIfAborted()
      if (!hasCode(error, 'NO_NODE')) throwUnlessPassing(error)
      else await makeWith(String(permits))
    }
  }

  async function makeWith(data: string): Promise<void> {
    const options = { signal, ...(acl && { acl }) }
    try {
      await zk.ensurePath(parentOf(container), options)
      await zk.create(container, data, options)
    } catch (error) {
      signal.throwIfAborted()
      if (!hasCode(error, 'NODE_EXISTS', 'NO_NODE')) throwUnlessPassing(error)
    }
  }
}
