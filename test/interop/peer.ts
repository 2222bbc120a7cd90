/**
 * A process of another client, or of ours, that tells what it does in lines of JSON: `ready`, then, after it was told
 * to go, what its program says, at the end `done`. It ends when its standard input does, so it can't outlive us.
 */
import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { deferred } from '../../src/runtime/deferred.js'

export interface PeerLine {
  readonly event: string
  readonly [field: string]: unknown
}

const STDERR_TAIL = 4_000

export class Peer implements AsyncDisposable {
  readonly name: string
  /** All it has said so far. */
  readonly lines: PeerLine[] = []
  /** Resolves when it is connected. Rejects if it ends before. */
  readonly ready: Promise<void>
  /** Resolves with all it said when it is done and gone. Rejects, with its error output, if it ends otherwise. */
  readonly done: Promise<readonly PeerLine[]>
  readonly #listeners = new Set<() => void>()
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #closed: Promise<void>

  /** @param command - the program and its arguments. */
  constructor(name: string, command: readonly string[]) {
    const [program = '', ...args] = command
    this.name = name
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const [ready, done, closed] = [
      deferred<undefined>(),
      deferred<readonly PeerLine[]>(),
      deferred<undefined>(),
    ]
    let errors = ''
    this.#child.stdin.on('error', () => undefined)
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-STDERR_TAIL)
    })
    createInterface(this.#child.stdout).on('line', (text) => {
      const line = JSON.parse(text) as PeerLine
      this.lines.push(line)
      if (line.event === 'ready') ready.resolve(undefined)
      for (const listener of this.#listeners) listener()
    })
    this.#child.on('error', (error) => (errors += error.message))
    this.#child.on('close', (code, signal) => {
      const how = signal ?? `exit code ${code}`
      const failure = new Error(`${name} ended (${how}) after ${this.lines.length} lines\n${errors}`)
      ready.reject(failure)
      if (this.lines.at(-1)?.event === 'done') done.resolve(this.lines)
      else done.reject(failure)
      closed.resolve(undefined)
    })
    this.ready = ready.promise
    this.done = done.promise
    this.#closed = closed.promise
    // Whoever looks at one of them only is told by it; the other must not count as unhandled.
    this.ready.catch(() => undefined)
    this.done.catch(() => undefined)
  }

  go(): void {
    this.tell('go')
  }

  /** One line on its standard input. */
  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`)
  }

  /** Resolves with the first line, said or still to be said, that is meant. Rejects if it ends before. */
  async heard(isMeant: (line: PeerLine) => boolean): Promise<PeerLine> {
    const found = deferred<PeerLine>()
    const look = (): void => {
      const line = this.lines.find(isMeant)
      if (line !== undefined) found.resolve(line)
    }
    void this.#closed.then(() => found.reject(new Error(`${this.name} has ended`)))
    this.#listeners.add(look)
    look()
    try {
      return await found.promise
    } finally {
      this.#listeners.delete(look)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#closed
  }
}
