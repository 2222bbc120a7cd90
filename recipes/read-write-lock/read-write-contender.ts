/** Who stands in the line of a read-write lock, and who of them holds. */
import type { Attempt } from '../kernel/attempt.js'
import { isAmbiguous } from '../kernel/birth-order.js'
import type { ContenderQueue } from '../kernel/contender-queue.js'
import { membersOf, type QueueMember } from '../kernel/members.js'

/** One in the queue of a read-write lock. */
export interface ReadWriteContender extends QueueMember {
  readonly kind: 'read' | 'write'
  /** As of the answer; things may have moved on. */
  readonly role: 'holder' | 'waiter'
}

/**
 * The whole line with its roles.
 *
 * Two of one number are a writer and the reader that it becomes, both held by the same one (Curator's downgrade takes
 * two steps), but for the end of the counter, where numbers repeat (kernel/birth-order.ts). A reader that Curator 5.4 made by a downgrade stands at the end of the line and is shown as a waiter,
 * though Curator takes it for a holder: nothing in its znode tells.
 */
export async function lineOf(
  queue: ContenderQueue,
  isReader: (name: string) => boolean,
  attempt: Attempt,
): Promise<ReadWriteContender[]> {
  const members = await membersOf(queue, attempt)
  members.sort((a, b) => (isAmbiguous(a) && isAmbiguous(b) ? (a.fencingToken < b.fencingToken ? -1 : 1) : 0))
  const writers = members.filter(({ name }) => !isReader(name))
  const [first] = members
  const [firstWriter] = writers
  return members.map((member) => {
    const { sequence } = member
    const isOfFirst = member === first || (sequence === first?.sequence && !isAmbiguous(member))
    if (!isReader(member.name)) return { ...member, kind: 'write', role: isOfFirst ? 'holder' : 'waiter' }
    const isBeforeWriters =
      firstWriter === undefined || members.indexOf(member) < members.indexOf(firstWriter)
    return { ...member, kind: 'read', role: isBeforeWriters || isOfFirst ? 'holder' : 'waiter' }
  })
}
