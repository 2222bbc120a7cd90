/** Curator's InterProcessSemaphoreV2, with a SharedCount for its limit, beside our Semaphore with its layout. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { servers } from '../support/ensemble.js'
import { compileCuratorPeers, peerProgram } from '../support/foreign-clients.js'
import { contendForPermits } from './semaphore-contention.js'

let directory: string
let java: readonly string[]

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-curator-'))
  java = await compileCuratorPeers(directory)
}, 360_000)

afterAll(async () => rm(directory, { recursive: true, force: true }))

it("Curator's semaphore and ours never give out more than there are", { timeout: 120_000 }, async () => {
  const path = `/semaphore-${randomUUID()}`
  const limit = `${path}-limit`
  const ours = [process.execPath, '--import', 'tsx', peerProgram('latchkey/semaphore-contender.ts')]
  const result = await contendForPermits(
    servers.connectString,
    path,
    [
      { name: 'curator', command: (args) => [...java, 'SemaphoreContender', ...args, limit] },
      { name: 'latchkey', command: (args) => [...ours, ...args, 'curator', limit] },
    ],
    { processes: 3, rounds: 200, parents: [`${path}/locks`, `${path}/leases`] },
  )
  expect(result).toEqual({ holds: { curator: 600, latchkey: 600 }, most: 3, mostKinds: 2, left: [] })
})
