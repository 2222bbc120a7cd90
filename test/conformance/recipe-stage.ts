/**
 * Where a recipe's conformance test plays: clients of the kind that the run is for, each on another server where there
 * are several. That is the built-in client; in the project `driver` it is the npm package zookeeper behind our driver, so
 * that every recipe is tested on two unrelated clients by the same expectations.
 */
import { expect, inject, it } from 'vitest'
import type { Client, Zk } from 'latchkey'
import { connect, hasCode } from 'latchkey'
import { npmClient, npmSession } from '../drivers/npm-client.js'
import { servers } from '../support/ensemble.js'
import { area, client, member, peer } from './stage.js'

export type RecipeClient = Zk & { close(): Promise<void> }

const onDriver = inject('recipeClient') === 'npm zookeeper'

/**
 * Of the npm package, which may notice only after two thirds of it that its connection is gone, such as when its session
 * was moved to another server and ended there: a tenth of such ends, on three servers of 3.8.0.
 */
const NPM_SESSION_MS = 9_000

/** A client on the run's server of that number, closed when the test is over. */
export async function recipeClient({ server = 0 } = {}): Promise<RecipeClient> {
  if (!onDriver) return client({ server })
  const { host, port } = member(server)
  return npmClient(`${host}:${port}`, { timeout: NPM_SESSION_MS, recreate: 'always' })
}

/** As many, spread over the servers, and a fresh znode that all of them see. */
export async function recipeStage(count: number): Promise<{ path: string; zks: RecipeClient[] }> {
  const path = await area(await peer())
  const zks: RecipeClient[] = []
  for (let i = 0; i < count; i++) {
    const zk = await recipeClient({ server: i })
    await zk.sync(path)
    zks.push(zk)
  }
  return { path, zks }
}

/**
 * Ends a client's session as its expiry would: by closing it from another connection. Again until it is over, as the client
 * itself may have moved it back before it was closed.
 */
export async function endSession(zk: Zk): Promise<void> {
  const session = 'exportSession' in zk ? (zk as Client).exportSession() : npmSession(zk)
  if (session === undefined) throw new Error('the client has no session')
  for (;;) {
    try {
      const killer = await connect(servers.connectString, { session })
      await killer.close()
    } catch (error) {
      if (hasCode(error, 'SESSION_EXPIRED')) return
      throw error
    }
  }
}

/**
 * A test of what needs transactions. On a client without them the same test must come to an error that says so, and
 * names the way out.
 */
export function itNeedsTransactions(
  name: string,
  optionsOrTest: { timeout?: number } | (() => Promise<void>),
  testOrNone?: () => Promise<void>,
): void {
  const [options, test] =
    typeof optionsOrTest === 'function'
      ? [{}, optionsOrTest]
      : [optionsOrTest, testOrNone ?? (async () => undefined)]
  if (!onDriver) return it(name, options, test)
  it(`${name}: refused without transactions`, async () => {
    const error: unknown = await test().then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ code: 'UNSUPPORTED', outcome: 'rejected' })
    expect((error as Error).message).toMatch(/built-in client/)
  })
}
