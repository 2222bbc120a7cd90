/**
 * The double barrier under torture: nobody enters a round before all its members have asked, a round has no more than
 * its number, and nobody is told that all have left while one believes to be inside.
 */
import { DoubleBarrier } from '../../../src/index.js'
import type { BarrierPass } from '../../../recipes/double-barrier/barrier-pass.js'
import { now } from '../history.js'
import { nothing, type RunSoFar, type TortureRecipe } from './recipe.js'

/** Fewer than there are tasks for it, so that rounds go on while a worker is being replaced. */
const MEMBERS = 2
/** In the end too few are left for a round. */
const ENTER_LIMIT_MS = 2_000
const LEAVE_LIMIT_MS = 10_000

export const doubleBarrier: TortureRecipe = {
  name: 'double-barrier',
  contender(zk, root, _random, diary) {
    const barrier = new DoubleBarrier(zk, `${root}/0`, { members: MEMBERS })
    return {
      async acquire(options) {
        const { timeoutMs = Infinity } = options
        let entered: BarrierPass | undefined
        await diary.keep('enter', barrier.path, async () => {
          entered = await barrier.enter({ ...options, timeoutMs: Math.min(timeoutMs, ENTER_LIMIT_MS) })
          return `${entered.round} ${entered.path}`
        })
        if (entered === undefined) return nothing(zk)
        const pass = entered
        return {
          // A path of its own: it stands in nobody's way, and tells when its member believed to be inside.
          claims: [{ path: pass.path, share: 1, capacity: 1 }],
          sessionId: zk.session?.id ?? 0n,
          get signal() {
            return pass.signal
          },
          confirm: async () => undefined,
          release: async () => {
            await diary.keep('leave', pass.path, async () => pass.leave({ timeoutMs: LEAVE_LIMIT_MS }))
          },
        }
      },
    }
  },
  async check(_zk, _root, run) {
    const found = checkDoubleBarrier(run, MEMBERS)
    return Promise.resolve(found.map((text) => ({ checker: 'double barrier', t: now(), text })))
  },
}

interface Member {
  readonly path: string
  readonly asked: number
  readonly entered: number
}

/** What is wrong. Members that were killed before they could tell are not known. */
export function checkDoubleBarrier({ events, beliefs, excuses }: RunSoFar, members: number): string[] {
  const ends = new Map(events.flatMap((event) => (event.e === 'did' ? [[event.id, event] as const] : [])))
  const rounds = new Map<string, Member[]>()
  const left = new Map<string, number>()
  for (const event of events) {
    if (event.e !== 'try') continue
    const end = ends.get(event.id)
    if (end?.outcome !== 'ok') continue
    if (event.what === 'leave') left.set(event.path, end.t)
    if (event.what !== 'enter') continue
    const [round = '', path = ''] = end.value?.split(' ') ?? []
    rounds.set(round, [...(rounds.get(round) ?? []), { path, asked: event.t, entered: end.t }])
  }
  const inside = new Map(beliefs.map((belief) => [belief.claims[0]?.path, belief]))
  const wrong: string[] = []
  for (const [round, all] of rounds) {
    const last = Math.max(...all.map(({ asked }) => asked))
    if (new Set(all.map(({ path }) => path)).size > members)
      wrong.push(`round ${round}: ${all.length} entered, of ${members}`)
    for (const { path, entered } of all)
      if (entered < last) wrong.push(`round ${round}: ${path} entered before all had asked`)
    for (const { path } of all)
      for (const other of all) {
        const at = left.get(path)
        const belief = inside.get(other.path)
        if (at === undefined || belief === undefined || other.path === path || belief.to <= at) continue
        if (excuses.of(belief, at, at) === undefined)
          wrong.push(`round ${round}: ${path} was told that all had left, while ${other.path} was inside`)
      }
  }
  return wrong
}
