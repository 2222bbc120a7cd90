/**
 * `npm test`: everything that is checked here, in order, each part with its name, time and count; at the end one line
 * `N passed, N failed`. Plain Node, so that it can say what is missing; the parts are in test/run.
 */
import { existsSync } from 'node:fs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`latchkey needs Node 20.19 or newer; this is ${process.versions.node}`)
  process.exit(1)
}
if (!existsSync(new URL('../node_modules/tsx', import.meta.url))) {
  console.error('node_modules is missing: run `npm ci` first')
  process.exit(1)
}
const { register } = await import('tsx/esm/api')
register()
await import('./run/main.ts')
