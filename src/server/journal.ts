/**
 * The data directory: a log of transactions and, from time to time, a snapshot of everything, after which a new log
 * begins. Kept: znodes with their stats and ACLs, sessions with id, password and timeout (so ephemerals too), last
 * zxid. Not kept: watches, connections, identities; clients bring those again.
 *
 * Files, by generation g: `snapshot.<g>` is the state at the start of `log.<g>`. Start: the newest complete snapshot,
 * then its log and those of later generations. The generation before the newest snapshot is kept, older ones go.
 *
 * Invariants: a reply leaves only after `flush`; a snapshot is complete before it has its name; the log of a
 * generation is only ever appended to.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { Reader } from '../codec/reader.js'
import type { Caller } from './handlers/context.js'
import type { ServerSettings } from './options.js'
import { DamagedFile, RecordWriter, readRecords } from './record-file.js'
import { loadSnapshot, writeSnapshot } from './snapshot.js'
import type { State } from './state.js'
import type { Transaction } from './transactions.js'
import { transaction } from './transactions.js'

export type JournalOptions = Pick<ServerSettings, 'fsync' | 'snapshotEvery' | 'logger'>

const openHere = new Set<string>()

/** Takes the directory for this process. Throws if another one has it. */
function lock(dir: string): () => void {
  const file = join(dir, 'lock')
  if (openHere.has(dir)) throw new Error(`${dir} is in use by another server of this process`)
  const owner = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  if (owner !== process.pid && isAlive(owner)) throw new Error(`${dir} is in use by process ${owner}`)
  writeFileSync(file, String(process.pid))
  openHere.add(dir)
  return () => {
    openHere.delete(dir)
    rmSync(file, { force: true })
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Generations for which there is such a file, oldest first. */
function generations(dir: string, kind: 'log' | 'snapshot'): number[] {
  return readdirSync(dir)
    .map((name) => new RegExp(`^${kind}\\.(\\d+)$`).exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
}

function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r')
  fsyncSync(fd)
  closeSync(fd)
}

export class Journal {
  readonly #dir: string
  readonly #state: State<Caller>
  readonly #options: JournalOptions
  readonly #unlock: () => void
  #generation = 0
  #log: RecordWriter
  #sinceSnapshot = 0
  #isUnflushed = false

  /** Loads what is in the directory into `state`, which must be new. Throws if it can't be used. */
  constructor(dir: string, state: State<Caller>, options: JournalOptions) {
    mkdirSync(dir, { recursive: true })
    this.#dir = resolve(dir)
    this.#state = state
    this.#options = options
    this.#unlock = lock(this.#dir)
    try {
      this.#log = this.#load()
    } catch (error) {
      this.#unlock()
      throw error
    }
  }

  append(entry: Transaction): void {
    this.#log.append((writer) => transaction.write(writer, entry))
    this.#isUnflushed = true
    this.#sinceSnapshot++
  }

  /** Makes what was appended safe: from the death of this process, with `fsync` from that of the machine. */
  flush(): void {
    if (!this.#isUnflushed) return
    this.#isUnflushed = false
    if (this.#options.fsync) this.#log.sync()
    else this.#log.flush()
    if (this.#sinceSnapshot >= this.#options.snapshotEvery) this.#snapshot()
  }

  close(): void {
    this.flush()
    if (this.#sinceSnapshot > 0) this.#snapshot()
    this.#log.close()
    this.#unlock()
  }

  #path(kind: 'log' | 'snapshot', generation: number): string {
    return join(this.#dir, `${kind}.${generation}`)
  }

  #load(): RecordWriter {
    const newest = generations(this.#dir, 'snapshot').at(-1)
    if (newest !== undefined) {
      loadSnapshot(this.#path('snapshot', newest), this.#state)
      this.#generation = newest
    }
    const logs = generations(this.#dir, 'log').filter((each) => each >= this.#generation)
    for (const [i, generation] of logs.entries()) {
      const log = this.#replay(generation, i === logs.length - 1)
      this.#generation = generation
      if (log !== undefined) return log
    }
    return new RecordWriter(this.#path('log', this.#generation))
  }

  #replay(generation: number, isLast: boolean): RecordWriter | undefined {
    const path = this.#path('log', generation)
    const { bodies, goodBytes, isTorn } = readRecords(path)
    const reader = new Reader(Buffer.alloc(0))
    for (const body of bodies) this.#state.replay(transaction.read(reader.reset(body)))
    this.#sinceSnapshot += bodies.length
    if (isTorn && !isLast) throw new DamagedFile(path, goodBytes, 'it ends there, but a later log exists')
    if (!isLast) return undefined
    if (isTorn) {
      this.#options.logger.warn({ path, goodBytes }, 'the last record of the log was cut off; it is left out')
      truncateSync(path, goodBytes)
    }
    if (goodBytes > 0) return new RecordWriter(path, goodBytes)
    rmSync(path)
    return new RecordWriter(path)
  }

  /** Writes a snapshot of the next generation and begins its log. */
  #snapshot(): void {
    const next = this.#generation + 1
    const path = this.#path('snapshot', next)
    rmSync(`${path}.tmp`, { force: true })
    rmSync(this.#path('log', next), { force: true })
    writeSnapshot(`${path}.tmp`, this.#state)
    this.#log.sync()
    renameSync(`${path}.tmp`, path)
    syncDirectory(this.#dir)
    this.#log.close()
    this.#log = new RecordWriter(this.#path('log', next))
    this.#generation = next
    this.#sinceSnapshot = 0
    for (const kind of ['log', 'snapshot'] as const) {
      for (const old of generations(this.#dir, kind)) if (old < next - 1) rmSync(this.#path(kind, old))
    }
  }
}
