/**
 * A process that is weighed: it says `{"settled":true}` with nothing held yet, and again, after a line, with so many sessions
 * or watches held. Garbage is collected before each, so that what is left is what they need.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Driver, Watcher } from './subjects/subject.js'
import { called } from './workloads.js'

export interface Conversation {
  say(value: object): void
  next(): Promise<unknown>
}

export async function holdWhileWeighed(
  driver: Driver,
  what: string,
  root: string,
  count: number,
  { say, next }: Conversation,
): Promise<object> {
  const { watcher } = driver
  if (watcher === undefined) return { error: 'this subject opens no more sessions' }
  const sessions: Watcher[] = [await watcher()]
  settle(say)
  await next()
  if (what === 'memory-sessions') while (sessions.length <= count) sessions.push(await watcher())
  else
    for (let i = 0; i < count; i++)
      await called((done) => sessions[0]!.watch(`${root}/watched-${i}`, ignore(), done))
  settle(say)
  await next()
  await Promise.all(sessions.map(async (session) => session.close()))
  return { ended: true }
}

/** Each watch has a listener of its own, as in use. */
const ignore = () => (): void => undefined

function settle(say: Conversation['say']): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) collect()
  say({ settled: true })
}
