/** A short run of the fuzzer (`npm run fuzz` is the long one), and everything that it ever kept. */
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/runtime/random.js'
import { inputOf, readCorpus } from './corpus.js'
import { fuzz } from './fuzz.js'
import { framed, mutate, recordedFrames } from './mutate.js'
import type { Target } from './target.js'
import { targets } from './targets.js'

const FRAMES = Number(process.env['LATCHKEY_FUZZ_FRAMES'] ?? 40_000)
const SEED = Number(process.env['LATCHKEY_SEED'] ?? 5)

describe.each(targets)('$name', (target) => {
  test('what was kept still comes to what it came to', async () => {
    const corpus = readCorpus(target)
    expect(corpus.length).toBeGreaterThan(15)
    const outcomes = []
    for (const line of corpus) outcomes.push({ ...line, outcome: await target.replay(inputOf(line)) })
    expect(outcomes).toEqual(corpus)
  })

  test(`${FRAMES} hostile frames end connections, and nothing else (seed ${SEED})`, async () => {
    const { frames, found } = await fuzz(target, SEED, FRAMES)
    expect(frames).toBeGreaterThanOrEqual(FRAMES)
    expect(found.size).toBeGreaterThan(10)
  }, 600_000)

  test('the same seed feeds the same frames', async () => {
    const history = async (): Promise<string[]> => {
      const seen: string[] = []
      const told = {
        fed: ({ bytes }: { bytes: Buffer }) => void seen.push(bytes.toString('hex')),
        outcome: (words: string) => void seen.push(words),
      }
      await target.round(seededRandom(9), 200, told)
      return seen
    }
    expect(await history()).toEqual(await history())
  })
})

test('a failure says how to repeat it, and which frame it was', async () => {
  const broken: Target = {
    name: 'server',
    round: async (_, __, told) => {
      told.fed({ at: 'open', bytes: Buffer.from([1, 2]) })
      return Promise.reject(new Error('planted'))
    },
    replay: async () => Promise.resolve(''),
  }
  await expect(fuzz(broken, 3, 10_000, 7)).rejects.toThrow(
    /npm run fuzz -- --target server --seed 3 --round 7 --frames 512\nthe last frame: open 0102\n[^]*planted/,
  )
})

test('what is mutated stays near the original, and a frame has its length in most cases', () => {
  const random = seededRandom(1)
  const { body } = recordedFrames('client')[3]!
  const copies = Array.from({ length: 200 }, () => framed(mutate(body, body, random), random))
  expect(new Set(copies.map((copy) => copy.toString('hex'))).size).toBeGreaterThan(150)
  const honest = copies.filter((copy) => copy.readInt32BE(0) === copy.length - 4)
  expect(honest.length).toBeGreaterThan(150)
})
