/** Servers of other systems, as children of the process that uses them, in a folder that goes with them. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ContextServers extends AsyncDisposable {
  readonly folder: string
  start(program: string, args: readonly string[]): void
}

export async function contextServers(): Promise<ContextServers> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-context-'))
  const children: ChildProcess[] = []
  const end = (): void => {
    for (const child of children) child.kill('SIGKILL')
  }
  process.once('exit', end)
  return {
    folder,
    start(program, args) {
      children.push(spawn(program, args, { cwd: folder, stdio: 'ignore' }))
    },
    async [Symbol.asyncDispose]() {
      const ended = children.map(async (child) => child.exitCode ?? once(child, 'exit'))
      end()
      await Promise.all(ended)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(async (server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(
    servers.map(async (server) => {
      server.close()
      await once(server, 'close')
    }),
  )
  return ports
}
