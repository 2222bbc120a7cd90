/**
 * Giving up at every moment: by signal, half a millisecond apart (a request takes one each way), alone and together with
 * a fault at each request. The call settles at once, with the reason if it had not been granted, and in the end nothing
 * is left but what others hold.
 */
import type { Zk } from 'latchkey'
import { describe, expect, test } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import { Cluster, EXPIRY_MS } from './cluster.js'

interface Releasable {
  release(): Promise<void>
}

export interface Sweep {
  /** The parents of all contenders. */
  readonly paths: readonly string[]
  readonly start: (zk: Zk, signal: AbortSignal) => Promise<Releasable | undefined>
  /** What is held when it starts, by rivals. None: it can be granted. */
  readonly ahead?: (zk: Zk) => Promise<Releasable>
  /** Whether it can be granted. Default: if there is nothing ahead. */
  readonly grants?: boolean
}

const faults = ['reply lost', 'request lost', 'session expired'] as const

const reason = new Error('no longer needed')

interface Outcome {
  /** Whether it had settled before it was aborted. */
  readonly granted: boolean
  readonly struck: boolean
}

async function abortAfter(
  { paths, start, ahead }: Sweep,
  afterMs: number,
  fault?: { readonly how: (typeof faults)[number]; readonly point: number },
): Promise<Outcome> {
  await using cluster = await Cluster.start()
  const { control } = cluster
  const zk = await cluster.client()
  const rival = await cluster.client()
  for (const path of paths) await cluster.until(rival.ensurePath(path, { mode: 'container' }))
  const held = ahead === undefined ? undefined : await cluster.until(ahead(rival))
  const { id } = zk.session!
  let count = 0
  const where = ({ session }: { session: bigint }): boolean => session === id && ++count === fault?.point
  const armed = control[fault?.how === 'request lost' ? 'dropBefore' : 'dropAfter']({ where })
  if (fault?.how === 'session expired') {
    void armed.fired.then(({ session }) => control.expireSession(session))
  }
  const abort = new AbortController()
  const outcome: { settled: boolean; hold?: Releasable | undefined; error?: unknown } = { settled: false }
  start(zk, abort.signal).then(
    (hold) => Object.assign(outcome, { settled: true, hold }),
    (error: unknown) => Object.assign(outcome, { settled: true, error }),
  )
  await cluster.pass(afterMs)
  const granted = outcome.settled
  abort.abort(reason)
  await cluster.pass(0)
  expect(outcome.settled).toBe(true)
  if (granted) expect(outcome.error).toBeUndefined()
  else expect(outcome.error).toBe(reason)
  armed.cancel()
  await cluster.pass(2 * EXPIRY_MS)
  if (!granted) {
    expect(Janitor.of(zk).pending).toBe(0)
    expect(control.sessions().find((session) => session.id === zk.session?.id)?.ephemerals).toEqual([])
  }
  if (outcome.hold !== undefined) await cluster.until(outcome.hold.release())
  if (held !== undefined) await cluster.until(held.release())
  for (const path of paths) await cluster.expectNothingLeft(path)
  return { granted, struck: armed.hasFired }
}

/** Declares the tests. */
export function abortSweep(name: string, sweep: Sweep): void {
  describe(`aborting ${name}`, () => {
    test('at every half millisecond: rejects at once with the reason, and leaves nothing', async () => {
      let granted = 0
      for (let afterMs = 0; afterMs < 40 && granted < 3; afterMs += 0.5) {
        if ((await abortAfter(sweep, afterMs)).granted) granted++
      }
      expect(granted).toBe((sweep.grants ?? sweep.ahead === undefined) ? 3 : 0)
    })

    test.each(faults)('after each request in turn, with its %s', async (how) => {
      let struck = true
      let point = 1
      for (; struck; point++) {
        struck = false
        for (const afterMs of [1, 2, 3, 4, 6, 8, 12, 30, 100, 1_000]) {
          try {
            if ((await abortAfter(sweep, afterMs, { how, point })).struck) struck = true
          } catch (error) {
            throw new Error(`abort after ${afterMs} ms, ${how} at request ${point}`, { cause: error })
          }
        }
      }
      expect(point).toBeGreaterThan(2)
    })
  })
}
