/**
 * Golden vectors: conversations between Apache's Java client and Apache's server, byte for byte. Our codecs read both
 * sides as they were meant and write them again as they were; so what our client sends and what our server answers is
 * what theirs do. To record them again: test/support/vectors/record.ts.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ProtocolError } from 'latchkey'
import { operations } from '../../src/protocol/operations.js'
import type { Recording } from '../support/vectors/recording.js'
import { read, Shapes, toJson, write } from '../support/vectors/recording.js'

const folder = fileURLToPath(new URL('../vectors', import.meta.url))
const files = readdirSync(folder).filter((name) => /^zookeeper-.*\.json$/.test(name))

/** What the recorded client does not say: operations that Apache's client has no call for, or not on one server. */
const UNHEARD = ['sasl']

const load = (file: string): Recording => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Recording

it('there are some', () => {
  expect(files.length).toBeGreaterThanOrEqual(2)
})

describe.each(files)('%s', (file) => {
  const { connections } = load(file)
  const all = connections.flat()

  it.each(connections.map((frames, index) => [index + 1, frames] as const))(
    'each frame of connection %i is read as it was meant, and written again as it was',
    (_number, frames) => {
      const shapes = new Shapes()
      for (const frame of frames) {
        const shape = shapes.of(frame)
        const values = read(frame, shape)
        expect(shape.name).toBe(frame.name)
        expect(toJson(values), frame.name).toEqual(frame.value)
        expect(write(values, shape), frame.name).toBe(frame.bytes)
      }
    },
  )

  it.each(connections.map((frames, index) => [index + 1, frames] as const))(
    'no frame of connection %i can be read when it is cut short',
    (_number, frames) => {
      const shapes = new Shapes()
      for (const frame of frames) {
        const shape = { ...shapes.of(frame), unread: 0 }
        // The last byte of a handshake may be left out, and what nobody reads is not missed.
        const spare =
          shape.name === 'connect' ? 1 : shape.name === 'addWatch' && frame.from === 'server' ? 4 : 0
        for (let end = 0; end < frame.bytes.length / 2 - spare; end++) {
          const short = { ...frame, bytes: frame.bytes.slice(0, 2 * end) }
          expect(() => read(short, shape), `${shape.name} of ${end} bytes`).toThrow(ProtocolError)
        }
      }
    },
  )

  it('every operation is there, asked and answered, but those that Apache’s client does not say here', () => {
    for (const from of ['client', 'server']) {
      const names = new Set(all.filter((frame) => frame.from === from).map(({ name }) => name))
      const missing = Object.keys(operations).filter((name) => !names.has(name))
      expect(missing.sort()).toEqual(UNHEARD)
    }
  })
})
