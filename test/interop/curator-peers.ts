/** Curator's peers for a test file: compiled before its tests, gone after them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { compileCuratorPeers } from '../support/foreign-clients.js'

/** How to start one, but for its class and arguments. Empty until the tests begin. */
export function curatorPeers(): readonly string[] {
  const java: string[] = []
  let directory: string | undefined

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'latchkey-curator-'))
    java.push(...(await compileCuratorPeers(directory)))
  }, 360_000)

  afterAll(async () => {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true })
  })

  return java
}
