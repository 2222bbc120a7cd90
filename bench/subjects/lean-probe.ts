/**
 * The limit: the least that a client with promises and bigint stats can do. One socket read into one buffer, requests
 * encoded into another, one write a tick; no retries, no checks, no timeouts, and of watches only the path. Not for use.
 */
import { connect, type Socket } from 'node:net'
import { launchWorker } from './node-subject.js'
import type { Driver, Subject } from './subject.js'

export const leanProbe: Subject = {
  name: 'lean-probe',
  benches: ['client', 'mutex', 'watch', 'contention'],
  lacks: {
    'mutex-8': 'it knows no locks',
    'mutex-64': 'it knows no locks',
    'mutex-biased-64': 'it knows no locks',
    'contention-2': 'it knows no locks',
    'contention-16': 'it knows no locks',
    'contention-64': 'it knows no locks',
  },
  launch: async () => Promise.resolve(launchWorker(import.meta.url, '-')),
}

const OPEN_ACL = Buffer.from([
  0,
  0,
  0,
  1,
  0,
  0,
  0,
  31,
  0,
  0,
  0,
  5,
  ...Buffer.from('world'),
  0,
  0,
  0,
  6,
  ...Buffer.from('anyone'),
])
const EPHEMERAL_SEQUENTIAL = 3

interface ProbeStat {
  czxid: bigint
  mzxid: bigint
  ctime: bigint
  mtime: bigint
  version: number
  cversion: number
  aversion: number
  ephemeralOwner: bigint
  dataLength: number
  numChildren: number
  pzxid: bigint
}

function statAt(buffer: Buffer, at: number): ProbeStat {
  return {
    czxid: buffer.readBigInt64BE(at),
    mzxid: buffer.readBigInt64BE(at + 8),
    ctime: buffer.readBigInt64BE(at + 16),
    mtime: buffer.readBigInt64BE(at + 24),
    version: buffer.readInt32BE(at + 32),
    cversion: buffer.readInt32BE(at + 36),
    aversion: buffer.readInt32BE(at + 40),
    ephemeralOwner: buffer.readBigInt64BE(at + 44),
    dataLength: buffer.readInt32BE(at + 52),
    numChildren: buffer.readInt32BE(at + 56),
    pzxid: buffer.readBigInt64BE(at + 60),
  }
}

/** `at` is where the body begins, `end` where the frame does. */
type Decode = (buffer: Buffer, at: number, end: number) => unknown

const decodeStat: Decode = (buffer, at) => statAt(buffer, at)
const decodeNothing: Decode = () => undefined
const decodeData: Decode = (buffer, at) => {
  const length = Math.max(0, buffer.readInt32BE(at))
  const start = at + 4
  return { data: Buffer.from(buffer.subarray(start, start + length)), stat: statAt(buffer, start + length) }
}
const decodeCreated: Decode = (buffer, at) => {
  const length = buffer.readInt32BE(at)
  const start = at + 4
  return { path: buffer.toString('utf8', start, start + length), stat: statAt(buffer, start + length) }
}

interface Waiting {
  decode: Decode
  resolve: (value: unknown) => void
  reject: (error: Error) => void
}

class Probe {
  readonly #out = Buffer.allocUnsafeSlow(1 << 20)
  #length = 0
  #flushing = false
  readonly #watches = new Map<string, () => void>()
  readonly #waiting: (Waiting | undefined)[] = []
  #head = 0
  #xid = 1
  #socket!: Socket
  #rest: Buffer | undefined
  #pings: NodeJS.Timeout | undefined

  async connect(host: string, port: number): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      let shaken = false
      const onread = {
        buffer: Buffer.allocUnsafeSlow(1 << 16),
        callback: (bytes: number, buffer: Uint8Array): boolean => {
          const chunk = Buffer.from(buffer.buffer, buffer.byteOffset, bytes)
          if (shaken) this.#read(chunk)
          else {
            shaken = true
            resolve()
          }
          return true
        },
      }
      this.#socket = connect({ host, port, noDelay: true, onread }, () => {
        const hello = Buffer.alloc(49)
        hello.writeInt32BE(45, 0)
        hello.writeInt32BE(30_000, 16)
        hello.writeInt32BE(16, 28)
        this.#socket.write(hello)
      })
      this.#socket.once('error', reject)
      this.#pings = setInterval(() => {
        this.#send(11, -2)
      }, 5_000).unref()
    })
  }

  close(): void {
    clearInterval(this.#pings)
    this.#socket.destroy()
  }

  /** Begins a frame; the caller writes the body and calls `#end`. */
  #begin(type: number, xid: number): number {
    const out = this.#out
    const at = this.#length
    out.writeInt32BE(xid, at + 4)
    out.writeInt32BE(type, at + 8)
    return at + 12
  }

  #end(at: number): void {
    this.#out.writeInt32BE(at - this.#length - 4, this.#length)
    this.#length = at
    if (this.#flushing) return
    this.#flushing = true
    process.nextTick(() => {
      this.#flushing = false
      const bytes = Buffer.from(this.#out.subarray(0, this.#length))
      this.#length = 0
      this.#socket.write(bytes)
    })
  }

  #send(type: number, xid: number): void {
    this.#end(this.#begin(type, xid))
  }

  #string(value: string, at: number): number {
    const out = this.#out
    out.writeInt32BE(value.length, at)
    for (let i = 0; i < value.length; i++) out[at + 4 + i] = value.charCodeAt(i)
    return at + 4 + value.length
  }

  #bytes(value: Uint8Array, at: number): number {
    this.#out.writeInt32BE(value.length, at)
    this.#out.set(value, at + 4)
    return at + 4 + value.length
  }

  async #wait(decode: Decode): Promise<unknown> {
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ decode, resolve, reject })
    })
  }

  get(path: string, onEvent?: () => void): Promise<unknown> {
    let at = this.#begin(4, this.#xid++)
    at = this.#string(path, at)
    this.#out[at] = onEvent === undefined ? 0 : 1
    this.#end(at + 1)
    if (onEvent !== undefined) this.#watches.set(path, onEvent)
    return this.#wait(decodeData)
  }

  set(path: string, data: Buffer): Promise<unknown> {
    let at = this.#begin(5, this.#xid++)
    at = this.#string(path, at)
    at = this.#bytes(data, at)
    this.#end(this.#out.writeInt32BE(-1, at))
    return this.#wait(decodeStat)
  }

  create(path: string, data: Buffer, flags: number): Promise<unknown> {
    let at = this.#begin(15, this.#xid++)
    at = this.#string(path, at)
    at = this.#bytes(data, at)
    this.#out.set(OPEN_ACL, at)
    this.#end(this.#out.writeInt32BE(flags, at + OPEN_ACL.length))
    return this.#wait(decodeCreated)
  }

  delete(path: string): Promise<unknown> {
    let at = this.#begin(2, this.#xid++)
    at = this.#string(path, at)
    this.#end(this.#out.writeInt32BE(-1, at))
    return this.#wait(decodeNothing)
  }

  #read(chunk: Buffer): void {
    const buffer = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (buffer.length - at >= 4) {
      const end = at + 4 + buffer.readInt32BE(at)
      if (end > buffer.length) break
      this.#reply(buffer, at + 4, end)
      at = end
    }
    this.#rest = at === buffer.length ? undefined : Buffer.from(buffer.subarray(at))
  }

  #event(path: string): void {
    const told = this.#watches.get(path)
    this.#watches.delete(path)
    told?.()
  }

  #reply(buffer: Buffer, at: number, end: number): void {
    const xid = buffer.readInt32BE(at)
    if (xid < 0) {
      if (xid === -1) this.#event(buffer.toString('utf8', at + 28, end))
      return
    }
    const waiting = this.#waiting[this.#head]
    this.#waiting[this.#head++] = undefined
    if (this.#head === this.#waiting.length) this.#head = this.#waiting.length = 0
    const code = buffer.readInt32BE(at + 12)
    if (code === 0) waiting?.resolve(waiting.decode(buffer, at + 16, end))
    else waiting?.reject(new Error(`result code ${code}`))
  }
}

async function connected(connectString: string): Promise<Probe> {
  const probe = new Probe()
  const [first = ''] = connectString.split(',')
  const [host = '', port] = first.split(':')
  await probe.connect(host, Number(port))
  return probe
}

export async function open(connectString: string): Promise<Driver> {
  const probe = await connected(connectString)
  const none = Buffer.alloc(0)
  return {
    get: (path, done) => void probe.get(path).then(() => done(), done),
    set: (path, data, done) => void probe.set(path, data).then(() => done(), done),
    create: (path, data, done) => void probe.create(path, data, 0).then(() => done(), done),
    delete: (path, done) => void probe.delete(path).then(() => done(), done),
    mutex: {
      // No lock at all: the two writes that no lock can do without, named as Curator names its own.
      async prepare(path) {
        await probe.create(path, none, 0)
        const name = `${path}/_c_00000000-0000-0000-0000-000000000000-lock-`
        return {
          acquire: async () => {
            const made = (await probe.create(name, none, EPHEMERAL_SEQUENTIAL)) as { path: string }
            return async () => {
              await probe.delete(made.path)
            }
          },
        }
      },
    },
    async watcher() {
      const other = await connected(connectString)
      return {
        watch: (path, onEvent, done) => void other.get(path, onEvent).then(() => done(), done),
        close: async () => Promise.resolve(other.close()),
      }
    },
    close: async () => Promise.resolve(probe.close()),
  }
}
