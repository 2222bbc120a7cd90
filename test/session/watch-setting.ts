/** Two clients on one embedded server, in memory: one that watches, one that changes things. */
import type { Client, WatchEvent, WatchListener } from 'latchkey'
import type { EmbeddedServer } from 'latchkey/server'
import { World } from '../support/world.js'

/** A listener that remembers. */
export class Ear {
  readonly heard: string[] = []
  readonly events: WatchEvent[] = []
  readonly listener: WatchListener = (event) => {
    this.events.push(event)
    this.heard.push(`${event.type} ${event.path}`)
  }
}

export interface Setting extends AsyncDisposable {
  readonly world: World
  readonly server: EmbeddedServer
  readonly client: Client
  readonly other: Client
}

export async function setting(options: { chroot?: string } = {}): Promise<Setting> {
  const world = new World()
  const server = await world.server()
  const other = await world.client(server.connectString)
  const client = await world.client(`${server.connectString}${options.chroot ?? ''}`)
  return { world, server, client, other, [Symbol.asyncDispose]: async () => world[Symbol.asyncDispose]() }
}

/** Cuts the client's connection and waits until the session goes on. */
export async function reconnect({ world, server, client }: Setting): Promise<void> {
  server.control.dropConnection(client.session?.id ?? 0n)
  await world.untilTrue(() => client.state === 'suspended')
  await world.untilTrue(() => client.state === 'connected')
  await world.pass(10)
}
