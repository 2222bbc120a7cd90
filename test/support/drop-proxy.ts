/** A TCP proxy in this process that cuts connections when told to: in order (FIN) or with a reset, by turns. */
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

export class DropProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  cuts = 0

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(port: number): Promise<DropProxy> {
    const server = createServer({ noDelay: true })
    const proxy = new DropProxy(server)
    server.on('connection', (near) => proxy.#join(near, connect({ port, host: '127.0.0.1', noDelay: true })))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get connectString(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get open(): number {
    return this.#pairs.size
  }

  #join(near: Socket, far: Socket): void {
    const pair = { near, far }
    this.#pairs.add(pair)
    const end = (): void => {
      this.#pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      socket.on('error', () => undefined)
      socket.on('close', end)
    }
    near.pipe(far)
    far.pipe(near)
  }

  /** Cuts the connection that is the oldest; false if there is none. */
  cut(): boolean {
    const [pair] = this.#pairs
    if (pair === undefined) return false
    this.#pairs.delete(pair)
    this.cuts++
    if (this.cuts % 2 === 0) pair.near.resetAndDestroy()
    else pair.near.destroy()
    pair.far.destroy()
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { near, far } of this.#pairs) {
      near.destroy()
      far.destroy()
    }
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()))
  }
}
