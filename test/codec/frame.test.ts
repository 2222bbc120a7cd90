import fc from 'fast-check'
import { expect, test } from 'vitest'
import { beginFrame, endFrame, FrameSplitter } from '../../src/codec/frame.js'
import { Writer } from '../../src/codec/writer.js'

function frames(bodies: readonly Uint8Array[]): Buffer {
  const writer = new Writer(16)
  for (const body of bodies) {
    const start = beginFrame(writer)
    writer.raw(body)
    endFrame(writer, start)
  }
  return writer.copy()
}

test('however the bytes are cut into chunks, the frames are the same, and each chunk may be reused', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 })
  fc.assert(
    fc.property(bodies, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (list, cuts) => {
      const stream = frames(list)
      const splitter = new FrameSplitter(300)
      const seen: string[] = []
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = cuts[i % cuts.length] ?? 1
        const chunk = Buffer.from(stream.subarray(at, at + size))
        splitter.push(chunk, (frame) => seen.push(frame.toString('hex')) > 0)
        chunk.fill(0xee)
        at += size
      }
      expect(seen).toEqual(list.map((body) => Buffer.from(body).toString('hex')))
      expect(splitter.held).toBe(0)
    }),
  )
})

test('a length over the cap or below zero is refused before anything is kept', () => {
  for (const length of [-1, -2, 1_001, 0x7fffffff]) {
    for (const pieces of [1, 2, 4]) {
      const splitter = new FrameSplitter(1_000)
      const header = Buffer.alloc(4)
      header.writeInt32BE(length)
      const feed = (): void => {
        for (let at = 0; at < 4; at += 4 / pieces)
          splitter.push(header.subarray(at, at + 4 / pieces), () => true)
      }
      expect(feed).toThrow(/frame length/)
    }
  }
})

test('a frame announced as large costs what has come of it, not what was announced', () => {
  const splitter = new FrameSplitter(512 * 1024 * 1024)
  const header = Buffer.alloc(4)
  header.writeInt32BE(512 * 1024 * 1024)
  const before = process.memoryUsage()
  splitter.push(header, () => true)
  splitter.push(Buffer.alloc(1_000), () => true)
  const after = process.memoryUsage()
  expect(splitter.held).toBe(1_004)
  expect(after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed).toBeLessThan(
    8 * 1024 * 1024,
  )
})

test('sixteen megabytes in pieces of 100 bytes take time in proportion', () => {
  const body = Buffer.alloc(16 * 1024 * 1024, 7)
  const stream = frames([body])
  const splitter = new FrameSplitter(body.length)
  let whole = 0
  const before = process.cpuUsage()
  for (let at = 0; at < stream.length; at += 100)
    splitter.push(stream.subarray(at, at + 100), (frame) => {
      whole = frame.length
      return true
    })
  expect(whole).toBe(body.length)
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(2)
})

test('when told to stop, no further frame of the chunk is given', () => {
  const splitter = new FrameSplitter(10)
  let seen = 0
  splitter.push(frames([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]), () => ++seen < 2)
  expect(seen).toBe(2)
})
