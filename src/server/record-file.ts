/**
 * A file of records, each with its length and a checksum: what the log and the snapshots are made of. Header: eight
 * bytes. Record: int32 length, uint32 CRC-32 of the body, body.
 *
 * Writing is synchronous, so that what was appended is with the system before the next reply leaves, without a queue
 * in between that a crash could lose.
 */
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { Writer } from '../codec/writer.js'

const MAGIC = Buffer.from('LKJRNL01', 'latin1')
const HEAD_BYTES = 8
/** Written through when this much has come together, whoever asks. */
const CHUNK_BYTES = 1024 * 1024

export class RecordWriter {
  readonly #fd: number
  readonly #buffer = new Writer(64 * 1024)
  #position: number

  /** Creates the file; it must not exist unless `at` says where to go on writing. */
  constructor(path: string, at?: number) {
    this.#fd = openSync(path, at === undefined ? 'wx' : 'r+')
    this.#position = at ?? 0
    if (at !== undefined) return
    this.#buffer.raw(MAGIC)
    this.flush()
  }

  append(write: (writer: Writer) => void): void {
    const buffer = this.#buffer
    const start = buffer.offset
    buffer.int(0)
    buffer.int(0)
    write(buffer)
    const body = buffer.buffer.subarray(start + HEAD_BYTES, buffer.offset)
    buffer.buffer.writeInt32BE(body.length, start)
    buffer.buffer.writeUInt32BE(crc32(body), start + 4)
    if (buffer.offset >= CHUNK_BYTES) this.flush()
  }

  /** Hands what was appended to the system. */
  flush(): void {
    const buffer = this.#buffer
    for (let done = 0; done < buffer.offset;) {
      const written = writeSync(this.#fd, buffer.buffer, done, buffer.offset - done, this.#position)
      done += written
      this.#position += written
    }
    buffer.reset()
  }

  /** Waits until it is on the disk. */
  sync(): void {
    this.flush()
    fdatasyncSync(this.#fd)
  }

  close(): void {
    this.flush()
    closeSync(this.#fd)
  }
}

export interface RecordFile {
  readonly bodies: readonly Buffer[]
  /** Where the good part ends: what is behind was cut off while it was written. */
  readonly goodBytes: number
  readonly isTorn: boolean
}

/** Thrown for a file that is damaged in another way than a crash can. */
export class DamagedFile extends Error {
  constructor(path: string, at: number, what: string) {
    super(`${path} is damaged at byte ${at}: ${what}. Restore it, or delete the directory to start empty`)
    this.name = 'DamagedFile'
  }
}

/**
 * Reads a file of records. A last record that is incomplete, or of which not all arrived, is left out: that is how a
 * crash looks. A bad record with good bytes behind it is damage, and throws {@link DamagedFile}.
 */
export function readRecords(path: string): RecordFile {
  const file = readFileSync(path)
  if (file.length < HEAD_BYTES) return { bodies: [], goodBytes: 0, isTorn: true }
  if (!file.subarray(0, HEAD_BYTES).equals(MAGIC))
    throw new DamagedFile(path, 0, 'it is no journal of this version')
  const bodies: Buffer[] = []
  let at = HEAD_BYTES
  while (file.length - at >= HEAD_BYTES) {
    const length = file.readInt32BE(at)
    const end = at + HEAD_BYTES + length
    if (length < 1 || end > file.length) break
    const body = file.subarray(at + HEAD_BYTES, end)
    if (crc32(body) !== file.readUInt32BE(at + 4)) {
      if (file.subarray(end).some((byte) => byte !== 0))
        throw new DamagedFile(path, at, 'the checksum is wrong')
      break
    }
    bodies.push(body)
    at = end
  }
  return { bodies, goodBytes: at, isTorn: at < file.length }
}
