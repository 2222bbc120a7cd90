/**
 * The embedded server under hostile frames: each ends its own connection or is answered. Others on the server are
 * served all the while, and nothing is logged as "never should".
 */
import type { Random } from '../../src/runtime/random.js'
import { seededRandom } from '../../src/runtime/random.js'
import { startServer, type EmbeddedServer } from '../../src/server/index.js'
import type { Connection, ConnectionEvents } from '../../src/transport/transport.js'
import { ManualClock } from './manual-clock.js'
import { below, framed, mutate, pick, pieces, recordedFrames } from './mutate.js'
import { FuzzFailure, inWords, type CorpusInput, type Target, type Told } from './target.js'

const frames = recordedFrames('client')
const handshakes = frames.filter(({ name }) => name === 'connect')
const requests = frames.filter(({ name }) => name !== 'connect')
const bodies = frames.map(({ body }) => body)
/** Requests that open many things are bounded by the server's own limits. */
const LIMITS = {
  nodes: 2_000,
  dataBytes: 8 * 1024 * 1024,
  watches: 5_000,
  sessions: 1_000,
  connections: 1_000,
}
const WAITS = 'waits for more'
/** Of a new session: protocol 0, 10 s. */
const HANDSHAKE = Buffer.from(
  `0000002d${'00'.repeat(12)}00002710${'00'.repeat(8)}00000010${'00'.repeat(17)}`,
  'hex',
)
/** xid 1, exists `/`, no watch. */
const EXISTS = Buffer.from('0000000e000000010000000300000001' + '2f00', 'hex')

/** The server's end of a connection of ours. */
class Wire implements Connection {
  readonly remoteAddress = '127.0.0.1'
  readonly loopback = true
  readonly encrypted = false
  readonly buffered = 0
  open = true
  events: ConnectionEvents | undefined
  /** The head of the last thing it wrote. */
  said: Buffer = Buffer.alloc(0)
  bytes = 0

  write(bytes: Buffer): boolean {
    this.said = bytes
    this.bytes += bytes.length
    return true
  }

  pause(): void {
    throw new FuzzFailure('a reader that takes everything at once was paused')
  }

  resume(): void {
    // It never pauses.
  }

  end(): void {
    if (!this.open) return
    this.open = false
    this.events?.close()
  }

  destroy(): void {
    this.open = false
  }
}

class Arena implements AsyncDisposable {
  readonly clock = new ManualClock()
  /** Why the last connection ended. */
  why = ''
  #server: EmbeddedServer | undefined
  #accept: ((connection: Connection) => ConnectionEvents) | undefined

  async start(random: Random): Promise<void> {
    const acceptor = {
      listen: async (
        options: { host: string; port: number },
        accept: (wire: Connection) => ConnectionEvents,
      ) => {
        this.#accept = accept
        const close = async (): Promise<void> => Promise.resolve()
        return Promise.resolve({ host: options.host, port: 1, close, [Symbol.asyncDispose]: close })
      },
    }
    const say = (fields: object): void => {
      this.why = (fields as { reason?: string }).reason ?? this.why
    }
    const fail = (fields: object, message: string): void => {
      throw new FuzzFailure(`${message}: ${String((fields as { err?: unknown }).err)}`)
    }
    const none = (): void => undefined
    const logger = { debug: say, info: none, warn: none, error: fail }
    const saslUsers = { kim: 'secret' }
    this.#server = await startServer({
      runtime: { clock: this.clock, random },
      acceptor,
      logger,
      limits: LIMITS,
      saslUsers,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close()
  }

  connect(): Wire {
    const wire = new Wire()
    wire.events = this.#accept?.(wire)
    return wire
  }

  feed(wire: Wire, bytes: Buffer): void {
    wire.events?.data(bytes)
    this.clock.endTick()
  }

  opened(): Wire {
    const wire = this.connect()
    this.feed(wire, HANDSHAKE)
    return wire
  }
}

function shouldServe(arena: Arena, witness: Wire): void {
  arena.feed(witness, EXISTS)
  const { said } = witness
  const ok = witness.open && said.length >= 20 && said.readInt32BE(4) === 1 && said.readInt32BE(16) === 0
  if (!ok) throw new FuzzFailure(`another client was not served: ${said.toString('hex', 0, 40)}`)
}

function outcomeOf(arena: Arena, wire: Wire, at: string): string {
  const answered = wire.said.length >= 20
  const code = answered && at === 'open' ? ` ${wire.said.readInt32BE(16)}` : ''
  if (!wire.open) return `ended${answered ? `, answered${code}` : ''}: ${inWords(arena.why)}`
  return answered ? `answered${code}` : WAITS
}

function hostile(random: Random, opening: boolean): Buffer {
  const { body } = pick(random, opening ? handshakes : requests)
  const choice = below(random, 16)
  // Whole and right, so that there is something to go wrong about.
  if (choice < 3) return framed(body, random)
  if (choice === 3) return framed(random.bytes(below(random, 120)), random)
  return framed(mutate(body, pick(random, bodies), random), random)
}

async function round(random: Random, count: number, told: Told): Promise<void> {
  await using arena = new Arena()
  await arena.start(seededRandom(below(random, 0x7fffffff)))
  const witness = arena.opened()
  let wire: Wire | undefined
  for (let fed = 0; fed < count; fed++) {
    const opening = wire === undefined && below(random, 4) === 0
    if (wire === undefined) wire = opening ? arena.connect() : arena.opened()
    const bytes = hostile(random, opening)
    const at = opening ? 'connect' : 'open'
    told.fed({ at, bytes })
    arena.why = 'in order'
    wire.said = Buffer.alloc(0)
    for (const piece of pieces(bytes, random)) if (wire.open) arena.feed(wire, piece)
    const outcome = outcomeOf(arena, wire, at)
    told.outcome(outcome)
    // A frame whose length is too large swallows those that come next: not for long.
    if (!wire.open || below(random, outcome === WAITS ? 2 : 30) === 0) {
      wire.end()
      wire = undefined
    }
    if (fed % 32 === 31) shouldServe(arena, witness)
  }
  shouldServe(arena, witness)
}

async function replay({ at, bytes }: CorpusInput): Promise<string> {
  await using arena = new Arena()
  await arena.start(seededRandom(1))
  const witness = arena.opened()
  const wire = at === 'connect' ? arena.connect() : arena.opened()
  arena.why = 'in order'
  wire.said = Buffer.alloc(0)
  arena.feed(wire, bytes)
  shouldServe(arena, witness)
  return outcomeOf(arena, wire, at)
}

export const serverTarget: Target = { name: 'server', round, replay }
