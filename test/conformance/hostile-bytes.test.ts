/** Bytes that no client of good will sends: they end a connection, or are answered, and harm nobody else. */
import { describe, expect, it } from 'vitest'
import { Writer } from '../../src/codec/writer.js'
import { peer, stage, unspoken } from './stage.js'
import { enduresUnreadableWrites, has } from './versions.js'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

function body(write: (writer: Writer) => void): Buffer {
  const writer = new Writer()
  write(writer)
  return writer.copy()
}

async function stillServes(): Promise<void> {
  expect((await (await peer()).sync()).error).toBe('OK')
}

describe('in place of a handshake', () => {
  it.each([
    ['a negative length', 'ffffffff 00000000'],
    ['the most negative length', '80000000'],
    ['a length of 256 MiB', '10000000 0000'],
    ['garbage', 'deadbeefdeadbeefdeadbeefdeadbeef'],
    ['an empty frame', '00000000'],
    ['a frame of one byte', '00000001 00'],
    [
      'a password longer than the frame',
      '0000001c 00000000 0000000000000000 00002710 0000000000000000 7fffffff',
    ],
    [
      'a password of negative length',
      '0000001c 00000000 0000000000000000 00002710 0000000000000000 fffffffe',
    ],
  ])('%s ends the connection', async (_what, bytes) => {
    const raw = unspoken()
    raw.socket.write(hex(bytes))
    await raw.closed
    await stillServes()
  })

  it('half a handshake keeps nobody else waiting', async () => {
    const raw = unspoken()
    raw.socket.write(hex('0000002d 00000000 0000000000'))
    await stillServes()
    expect(raw.isClosed).toBe(false)
  })

  it('a handshake that comes byte by byte is one', async () => {
    const raw = unspoken()
    const bytes = hex(
      `0000002d 00000000 ${'00'.repeat(8)} 00002710 ${'00'.repeat(8)} 00000010 ${'00'.repeat(16)} 00`,
    )
    raw.socket.setNoDelay(true)
    for (const byte of bytes) raw.socket.write(Buffer.from([byte]))
    const reply = await new Promise<Buffer>((resolve) => raw.socket.once('data', resolve))
    expect(reply.readInt32BE(8)).toBe(10_000)
  })
})

describe('after a handshake', () => {
  it.each([
    ['a negative length', 'ffffffff'],
    ['a length of 256 MiB', '10000000'],
    ['an empty frame', '00000000'],
    ['a header cut short', '00000006 000000010000'],
  ])('%s ends the connection, and its session stays', async (_what, bytes) => {
    const { zk, root } = await stage()
    await zk.create(`${root}/e`, { flags: 1 })
    zk.raw.socket.write(hex(bytes))
    await zk.raw.closed
    const { sessionId, password } = zk.session
    const again = await peer({ sessionId, password: password ?? Buffer.alloc(16) })
    expect(again.id).toBe(sessionId)
    expect((await again.exists(`${root}/e`)).error).toBe('OK')
  })

  it('a frame beyond jute.maxbuffer ends the connection, one just below does not', async () => {
    const { zk, root } = await stage()
    expect((await zk.set(root, Buffer.alloc(1_048_000))).error).toBe('OK')
    await expect(zk.set(root, Buffer.alloc(1_048_576))).rejects.toThrow('closed')
    const after = await peer()
    await after.sync()
    expect((await after.stat(root)).dataLength).toBe(1_048_000)
  })

  it.each([0, 10, 13_000, 99, 108, 1_000, -7, 0x7fffffff])(
    'opcode %i is unknown and ends the connection',
    async (opcode) => {
      const zk = await peer()
      const answer = zk.send(
        opcode,
        body((writer) => writer.string('/')),
      )
      if (opcode === 0) {
        await answer.catch(() => undefined)
      } else expect((await answer).error).toBe('UNIMPLEMENTED')
      await zk.raw.closed
      await stillServes()
    },
  )

  const reads = [
    ['exists', 3],
    ['getData', 4],
    ['getACL', 6],
    ['getChildren', 8],
    ['getChildren2', 12],
    ['multi', 14],
    ['checkWatches', 17],
    ['removeWatches', 18],
  ] as const
  const writes = [
    ['create', 1],
    ['delete', 2],
    ['setData', 5],
    ['setACL', 7],
    ['create2', 15],
    ['createContainer', 19],
    ['createTTL', 21],
  ] as const
  it.each([...reads, ...(enduresUnreadableWrites ? writes : [])])(
    '%s with a body cut short is answered, and the connection goes on',
    async (_what, opcode) => {
      const zk = await peer()
      expect((await zk.send(opcode, hex('0000'))).error).toBe('MARSHALLING_ERROR')
      expect((await zk.sync()).error).toBe('OK')
    },
  )

  it.each([
    ['a path of negative length', (writer: Writer) => writer.int(-2)],
    ['a path longer than the frame', (writer: Writer) => writer.int(1_000_000)],
    ['a path of 2 GiB', (writer: Writer) => writer.int(0x7fffffff)],
  ])('a read of %s is answered, and the connection goes on', async (_what, write) => {
    const zk = await peer()
    expect((await zk.send(4, body(write))).error).toBe('MARSHALLING_ERROR')
    expect((await zk.sync()).error).toBe('OK')
  })

  if (enduresUnreadableWrites) {
    it('an ACL list of 2^31 − 1 entries is refused', async () => {
      const { zk, root } = await stage()
      const answer = await zk.send(
        1,
        body((writer) => {
          writer.string(`${root}/a`)
          writer.bytes(null)
          writer.int(0x7fffffff)
        }),
      )
      expect(answer.error).toBe('MARSHALLING_ERROR')
      expect((await zk.exists(`${root}/a`)).error).toBe('NO_NODE')
    })
  }

  it('bytes behind a request are ignored', async () => {
    const { zk, root } = await stage()
    const answer = await zk.send(
      4,
      body((writer) => {
        writer.string(root)
        writer.bool(false)
        writer.raw(Buffer.from('more than was asked for'))
      }),
    )
    expect(answer.error).toBe('OK')
  })

  it('a multi with an unknown operation is refused as a whole', async () => {
    const { zk } = await stage()
    const answer = await zk.send(
      14,
      body((writer) => {
        writer.int(99)
        writer.bool(false)
        writer.int(-1)
        writer.string('/')
      }),
    )
    expect(answer.error).toBe('MARSHALLING_ERROR')
    expect((await zk.sync()).error).toBe('OK')
  })

  it('a multi without its end is refused as a whole', async () => {
    const { zk, root } = await stage()
    const answer = await zk.send(
      14,
      body((writer) => {
        writer.int(2)
        writer.bool(false)
        writer.int(-1)
        writer.string(root)
        writer.int(-1)
      }),
    )
    expect(answer.error).toBe('MARSHALLING_ERROR')
    expect((await zk.exists(root)).error).toBe('OK')
  })

  it('a path that is no UTF-8 harms nobody', async () => {
    const { zk, root } = await stage()
    const bytes = Buffer.concat([Buffer.from(`${root}/`), hex('fffe80')])
    const answer = await zk.send(
      3,
      body((writer) => {
        writer.bytes(bytes)
        writer.bool(false)
      }),
    )
    expect(answer.error).toBe('NO_NODE')
  })

  if (!has.operationsOf36) {
    it.each([22, 103, 104, 105, 106])('opcode %i is not known before 3.6', async (opcode) => {
      const zk = await peer()
      expect(
        (
          await zk.send(
            opcode,
            body((writer) => writer.string('/')),
          )
        ).error,
      ).toBe('UNIMPLEMENTED')
      await zk.raw.closed
    })
  }
})
