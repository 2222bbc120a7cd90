import { expect, test } from 'vitest'
import { interleaved } from '../../bench/run.js'

test('the rounds of all are interleaved, in an order that turns round, and those to warm up do not count', async () => {
  const ran: string[] = []
  const results = await interleaved(
    'a scenario',
    ['a', 'b'],
    { rounds: 3, warmUp: 1 },
    async (each, round) => {
      ran.push(`${each}${round}`)
      return `${each}${round}`
    },
  )
  expect(ran).toEqual(['b-1', 'a-1', 'a0', 'b0', 'b1', 'a1', 'a2', 'b2'])
  expect(results).toEqual(ran.slice(2))
})
