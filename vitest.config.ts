import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^latchkey$/, replacement: at('./src/index.ts') },
      { find: /^latchkey\/server$/, replacement: at('./src/server/index.ts') },
      { find: /^latchkey\/testing$/, replacement: at('./src/testing/index.ts') },
    ],
  },
  // Node 20 has no native `await using`: lower it as tsc does for the package.
  oxc: { target: 'es2022' },
  test: { include: ['test/**/*.test.ts'], retry: 0, testTimeout: 20_000, hookTimeout: 60_000 },
})
