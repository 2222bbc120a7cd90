/**
 * Who stands in whose way in a read-write lock. Order is that of the sequence numbers alone.
 *
 * - A reader waits for the *nearest* writer ahead. Curator watches the first: then each release of a writer wakes every
 *   reader behind it, only to find the next writer (30 readers behind a second writer: 64 requests for nothing).
 *   A writer that waits counts as much as one that holds, so readers that keep coming never starve it.
 * - A writer waits until it is first, and watches its neighbour, as in a mutex.
 * - When the deletion of the watched one is the grant, without another list (`sole`): for a reader, if it is the only
 *   writer ahead: no writer can come in front. For a writer, if it is first and a *reader*. If it is a writer, its
 *   deletion may be a downgrade: then a reader of the same number stands in its place, still ahead of us.
 * - A stranger that may be a claim (kernel/line.ts) excludes like a writer.
 */
import { DeadlockError } from '../../src/api/errors.js'
import type { Admission, Contender } from '../kernel/line.js'

type IsReader = (name: string) => boolean

export function writing(isReader: IsReader): Admission {
  return (contenders, index) => {
    const contender = contenders[index - 1]
    if (contender === undefined) return undefined
    return { contender, sole: index === 1 && !contender.stranger && isReader(contender.name) }
  }
}

export function reading(isReader: IsReader): Admission {
  return (contenders, index) => {
    let nearest: Contender | undefined
    for (let ahead = index - 1; ahead >= 0; ahead--) {
      const contender = contenders[ahead]
      if (contender === undefined || (!contender.stranger && isReader(contender.name))) continue
      if (nearest !== undefined) return { contender: nearest, sole: false }
      nearest = contender
    }
    return nearest && { contender: nearest, sole: true }
  }
}

/** Rejects a wait that could never end: with one of `own` ahead, held by the very one that would wait. */
export function unlessBehind(own: ReadonlySet<string>, path: string, admission: Admission): Admission {
  if (own.size === 0) return admission
  return (contenders, index) => {
    const obstacle = admission(contenders, index)
    if (obstacle === undefined) return undefined
    const held = contenders.slice(0, index).find(({ name }) => own.has(name))
    if (held === undefined) return obstacle
    const message =
      `reading ${path} inside of a run that reads it already: ${obstacle.contender.name} waits for ` +
      `${held.name} of the outer run, and this would wait for it. Use the outer hold`
    throw new DeadlockError(message, { path })
  }
}
