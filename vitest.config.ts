import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { canaryPlugins } from './test/canaries/plugin.js'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Every test file belongs to one of these. What needs real servers or foreign clients is apart from what never does. */
const apart = {
  conformance: ['test/conformance/**/*.test.ts'],
  ensemble: ['test/ensemble/**/*.test.ts'],
  kazoo: ['test/interop/**/kazoo*.test.ts'],
  curator: ['test/interop/**/curator*.test.ts'],
  driver: ['test/drivers/**/*.test.ts'],
}

/** On the driver too: the same tests, with the npm package zookeeper for a client. */
const recipesOnServers = [
  'leadership',
  'multi-lock',
  'mutex-modes',
  'queue',
  'rate-limiter',
  'read-write-lock',
  'revocation',
  'semaphore',
  'values',
].map((recipe) => `test/conformance/${recipe}.test.ts`)

/** By itself, as it measures memory and takes a minute. */
const storm = ['test/storm/**/*.test.ts']

/** Real servers are few and slow to start: their test files run one after the other. */
const servers = { globalSetup: ['test/support/ensemble-setup.ts'], fileParallelism: false }

export default defineConfig({
  resolve: {
    alias: [
      { find: /^latchkey$/, replacement: at('./src/index.ts') },
      { find: /^latchkey\/server$/, replacement: at('./src/server/index.ts') },
      { find: /^latchkey\/testing$/, replacement: at('./src/testing/index.ts') },
      { find: /^latchkey\/zookeeper$/, replacement: at('./src/drivers/zookeeper.ts') },
    ],
  },
  plugins: canaryPlugins(),
  // Node 20 has no native `await using`: lower it as tsc does for the package.
  oxc: { target: 'es2022' },
  test: {
    retry: 0,
    // The leak audit: part of every test file of every project.
    setupFiles: ['test/support/audit-setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...Object.values(apart).flat(), ...storm],
        },
      },
      { extends: true, test: { name: 'storm', include: storm } },
      ...Object.entries(apart).map(([name, include]) => ({
        extends: true as const,
        test: {
          name,
          ...servers,
          ...(name === 'driver'
            ? {
                include: [...include, ...recipesOnServers],
                provide: { recipeClient: 'npm zookeeper' as const },
              }
            : { include }),
        },
      })),
    ],
  },
})
