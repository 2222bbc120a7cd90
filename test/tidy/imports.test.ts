import { expect, test } from 'vitest'
import { importRule } from './import-rules.js'
import { parse, sourceFiles, violations } from './source-file.js'

test('every import is one that the table of the design allows', () => {
  const files = sourceFiles('src', 'recipes')
  expect(files.length).toBeGreaterThan(20)
  expect(violations(importRule, files)).toEqual([])
})

test.each([
  ['recipes/mutex.ts', "import { Client } from '../src/client/client.js'"],
  ['recipes/mutex.ts', "import { Queue } from './queue.js'", 'allowed'],
  ['recipes/mutex.ts', "import { enqueue } from './kernel/contender-queue.js'", 'allowed'],
  ['recipes/kernel/hold.ts', "import { Mutex } from '../mutex.js'"],
  ['src/api/zk.ts', "import { systemRuntime } from '../runtime/runtime.js'"],
  ['src/api/zk.ts', "import type { Runtime } from '../runtime/runtime.js'", 'allowed'],
  ['src/runtime/clock.ts', "import type { Zk } from '../api/zk.js'"],
  ['src/session/session.ts', "import { connectTcp } from '../transport/tcp.js'"],
  ['src/session/session.ts', "import type { Transport } from '../transport/transport.js'", 'allowed'],
  ['src/server/tree.ts', "export { Session } from '../session/session.js'"],
  ['src/server/tree.ts', "const { Session } = await import('../session/session.js')"],
  ['src/server/tree.ts', "type S = import('../client/client.js').Client"],
  ['src/cli/dev.ts', "import { startServer } from '../server/index.js'", 'allowed'],
  ['src/cli/dev.ts', "import { Tree } from '../server/tree.js'"],
  ['src/codec/reader.ts', "import { GenericContainer } from 'testcontainers'"],
  ['src/testing/docker-engine.ts', "import { GenericContainer } from 'testcontainers'", 'allowed'],
  ['src/codec/reader.ts', "import { inspect } from 'node:util'", 'allowed'],
  ['src/codec/reader.ts', "import { Writer } from './writer'"],
  ['src/other/thing.ts', ''],
])('in %s, `%s` is seen for what it is', (path, text, verdict = 'refused') => {
  expect(importRule(parse(path, text))).toHaveLength(verdict === 'allowed' ? 0 : 1)
})
