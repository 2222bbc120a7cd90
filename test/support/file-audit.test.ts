/** The leak audit sees each kind of leak when it is planted, and nothing where nothing is. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectSocket, createServer, type AddressInfo } from 'node:net'
import { connect } from 'latchkey'
import { startServer } from 'latchkey/server'
import { describe, expect, test } from 'vitest'
import { Janitor } from '../../recipes/kernel/janitor.js'
import config from '../../vitest.config.js'
import { ClosedError } from '../../src/api/errors.js'
import { onAbort } from '../../src/runtime/abort.js'
import { systemClock } from '../../src/runtime/clock.js'
import { deferred } from '../../src/runtime/deferred.js'
import { FileAudit, watchesOfNobody } from './file-audit.js'
import { silent } from './world.js'

type Planted = () => Promise<() => Promise<void>>

const settled = async (): Promise<void> => Promise.resolve()

const aServer: Planted = async () => {
  const server = await startServer({ logger: silent })
  return async () => server.close()
}

const plants: Readonly<Record<string, readonly [sees: RegExp, plant: Planted]>> = {
  'a timer': [
    /1 timers running/,
    async () => {
      const timer = systemClock.setTimer(60_000, () => undefined)
      return Promise.resolve(async () => settled().then(() => timer.cancel()))
    },
  ],
  'a listening server and both ends of a connection': [
    /2 more sockets[^]*1 more servers/,
    async () => {
      const server = createServer(() => undefined).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const socket = connectSocket((server.address() as AddressInfo).port, '127.0.0.1')
      const [accepted] = (await once(server, 'connection')) as [{ destroy(): void }]
      return async () => {
        socket.destroy()
        accepted.destroy()
        server.close()
        await once(server, 'close')
      }
    },
  ],
  'a child process': [
    /1 more processes/,
    async () => {
      const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: 'ignore' })
      child.kill('SIGSTOP')
      return Promise.resolve(async () => {
        const gone = once(child, 'close')
        child.kill('SIGKILL')
        await gone
      })
    },
  ],
  'an abort listener on a signal that lives on': [
    /1 abort listeners/,
    async () => {
      const { signal } = new AbortController()
      const unlisten = onAbort(signal, () => undefined)
      return Promise.resolve(async () => settled().then(unlisten))
    },
  ],
  'an embedded server': [/an embedded server not closed, with 0 sessions/, aServer],
  'a client': [
    /1 clients not closed/,
    async () => {
      const server = await startServer({ logger: silent })
      const client = await connect(server.connectString, { logger: silent })
      return async () => client.close().then(async () => server.close())
    },
  ],
}

describe('planted and left, it is found; given back, it is not', () => {
  test.each(Object.entries(plants))('%s', async (_, [sees, plant]) => {
    const audit = new FileAudit()
    const giveBack = await plant()
    expect((await audit.findings()).join('\n')).toMatch(sees)
    await giveBack()
    expect(await audit.findings()).toEqual([])
    audit.stop()
  })

  test('a delete that a closed client owes', async () => {
    const audit = new FileAudit()
    await using server = await startServer({ logger: silent })
    const client = await connect(server.connectString, { logger: silent })
    const { session } = client
    // Of a session that never ends: nobody will ever confirm it.
    const endless = { ...session!, generation: 99, signal: new AbortController().signal }
    const creating = deferred<{ path: string }>()
    Janitor.of(client).abandon(creating.promise, { container: '/', prefix: 'x', session: endless })
    await client.close()
    await server.close()
    expect(await audit.findings()).toEqual(['1 deletes owed by closed clients'])
    creating.reject(new ClosedError())
    expect(await audit.findings()).toEqual([])
    audit.stop()
  })

  test('a watch that the server keeps for a session that is over', async () => {
    await using server = await startServer({ logger: silent })
    expect(watchesOfNobody(server.control)).toBeUndefined()
    const liar = { ...server.control, watchCounts: () => ({ data: 1, children: 0 }) }
    expect(watchesOfNobody(liar)).toBe('watches of no session: 1 data, 0 children')
  })

  test('a rejection that nobody handles', async () => {
    // Vitest's own ears, and those of the audit of this file, are not to hear of it.
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    const audit = new FileAudit()
    void Promise.reject(new Error('planted'))
    const findings = await audit.findings().then(async () => audit.findings())
    audit.stop()
    for (const listener of others) process.on('unhandledRejection', listener)
    expect(findings).toEqual(['unhandled rejection: Error: planted'])
  })
})

test('every test file of every project has the audit, and a process of its own', () => {
  const { setupFiles, projects } = config.test!
  expect(setupFiles).toEqual(['test/support/audit-setup.ts'])
  expect(projects!.length).toBeGreaterThan(5)
  for (const project of projects as { extends?: unknown; test: object }[]) {
    expect(project.extends).toBe(true)
    expect(Object.keys(project.test)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/setupFiles|isolate|pool/)]),
    )
  }
})
