/**
 * `npx tsx --tsconfig examples/tsconfig.run.json examples/simulate/main.ts [SEED]`: finds, by trying seeds, that a lock
 * alone does not protect a database that takes whatever it is told, and shows it again by the seed that found it.
 */
import { FencedDatabase, NaiveDatabase } from './databases.js'
import { simulateAccount } from './simulate-account.js'

const given = process.argv[2]
const seeds = given === undefined ? Array.from({ length: 50 }, (_, i) => i + 1) : [Number(given)]

for (const seed of seeds) {
  const { deposits, lost, hash } = await simulateAccount(seed, (cluster) => new NaiveDatabase(cluster))
  console.log(`seed ${seed}: ${deposits} deposits, ${lost} lost, history ${hash}`)
  if (lost === 0) continue
  const again = await simulateAccount(seed, (cluster) => new NaiveDatabase(cluster))
  console.log(`again:   ${again.deposits} deposits, ${again.lost} lost, history ${again.hash}`)
  const fenced = await simulateAccount(seed, (cluster) => new FencedDatabase(cluster))
  console.log(`fenced:  ${fenced.deposits} deposits, ${fenced.lost} lost`)
  break
}
