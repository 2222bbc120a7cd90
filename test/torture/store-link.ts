/** A worker's connection to the fenced store: one line asks, one line answers, in order. */
import { createConnection, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { deferred, type Deferred } from '../../src/runtime/deferred.js'

export class StoreLink {
  readonly #socket: Socket
  readonly #waiting: Deferred<string>[] = []

  constructor(socketPath: string) {
    this.#socket = createConnection(socketPath)
    const fail = (error: Error): void => {
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    }
    this.#socket.on('error', fail)
    createInterface({ input: this.#socket })
      .on('error', fail)
      .on('line', (line) => this.#waiting.shift()?.resolve(line))
  }

  /** Reads and adds one, both under `token`. False if either was refused. */
  async increment(path: string, token: string): Promise<boolean> {
    const read = await this.#ask(`${path} ${token} read`)
    if (read === 'refused') return false
    const value = Number(read.split(' ')[1]) + 1
    return (await this.#ask(`${path} ${token} write ${value}`)) !== 'refused'
  }

  close(): void {
    this.#socket.destroy()
  }

  async #ask(line: string): Promise<string> {
    const answer = deferred<string>()
    this.#waiting.push(answer)
    this.#socket.write(`${line}\n`)
    return answer.promise
  }
}
