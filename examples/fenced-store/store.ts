/**
 * A small store that fences: each document keeps the highest token that it was written with, and a write with a lower one
 * is refused (409). It knows nothing of ZooKeeper and of locks; it only compares.
 *
 *   PUT /name   x-fence: <token>   204, or 409 with the highest token
 *   GET /name                      200 with the text, or 404
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

interface Document {
  readonly text: string
  readonly fence: bigint
}

export class FencedStore implements AsyncDisposable {
  readonly url: string
  readonly #server: Server
  readonly #documents: Map<string, Document>

  private constructor(server: Server, documents: Map<string, Document>) {
    this.#server = server
    this.#documents = documents
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** Listens on a free port of the loopback interface. */
  static async start(): Promise<FencedStore> {
    const documents = new Map<string, Document>()
    const server = createServer((request, response) => {
      answer(documents, request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error))
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FencedStore(server, documents)
  }

  read(name: string): string | undefined {
    return this.#documents.get(name)?.text
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    if (this.#server.listening) await once(this.#server, 'close')
  }
}

async function answer(
  documents: Map<string, Document>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const name = (request.url ?? '/').slice(1)
  if (request.method === 'GET') {
    const found = documents.get(name)
    response.writeHead(found === undefined ? 404 : 200).end(found?.text)
    return
  }
  const given = request.headers['x-fence']
  if (request.method !== 'PUT' || typeof given !== 'string' || !/^\d+$/.test(given)) {
    response.writeHead(400).end('PUT needs an x-fence, a number')
    return
  }
  const body = await text(request)
  // From here to the end nothing is awaited: comparing and writing are one step.
  const fence = BigInt(given)
  const newest = documents.get(name)?.fence ?? 0n
  // The same token may write again: it is the same holder.
  if (fence < newest) {
    response.writeHead(409).end(`token ${fence} is older than ${newest}`)
    return
  }
  documents.set(name, { text: body, fence })
  response.writeHead(204).end()
}
