/**
 * A cron job that runs in one of three processes, every second; the one that runs it is killed (SIGKILL), and another one
 * goes on. Exits with 1 if a due time ran twice, or the job did not move.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { connect, LeaderCron } from 'latchkey'
import { startServer } from 'latchkey/server'
import type { Orders, Report } from './scheduler.js'

const SESSION_TIMEOUT_MS = 1_000
const LIMIT_MS = 30_000
const RUNS_EACH = 2

class Fleet {
  readonly #children = new Map<string, ChildProcess>()
  readonly ran: { readonly id: string; readonly due: string }[] = []
  readonly #limit = AbortSignal.timeout(LIMIT_MS)
  #wake = (): void => undefined

  async launch(orders: Orders): Promise<void> {
    const program = fileURLToPath(new URL('./scheduler.ts', import.meta.url))
    const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#children.set(orders.id, child)
    child.send(orders)
    await once(child, 'message', { signal: this.#limit })
    child.on('message', (message) => {
      const said = message as Report
      if (said.kind !== 'ran') return
      console.log(`${said.id}  ran the job of ${said.due.slice(11, 19)}`)
      this.ran.push(said)
      this.#wake()
    })
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      this.#limit.throwIfAborted()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        this.#limit.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  async kill(id: string): Promise<void> {
    const child = this.#children.get(id)
    this.#children.delete(id)
    if (child === undefined) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of [...this.#children.keys()]) await this.kill(id)
  }
}

async function play(): Promise<boolean> {
  await using server = await startServer({ port: 0, tickTimeMs: SESSION_TIMEOUT_MS / 2 })
  const { connectString } = server
  await using fleet = new Fleet()
  for (const id of ['one', 'two', 'three'])
    await fleet.launch({ connectString, sessionTimeoutMs: SESSION_TIMEOUT_MS, id })
  await fleet.until(() => fleet.ran.length >= RUNS_EACH)
  const [first] = fleet.ran
  if (first === undefined) return false
  await fleet.kill(first.id)
  console.log(`${first.id}  is killed`)
  await fleet.until(() => fleet.ran.filter(({ id }) => id !== first.id).length >= RUNS_EACH)

  await using zk = await connect(connectString)
  const [job] = await new LeaderCron(zk, '/cron').jobs()
  console.log(
    `the history has ${job?.runs.length} runs; the next is due at ${job?.next?.toISOString().slice(11, 19)}`,
  )
  const isOnce = new Set(fleet.ran.map(({ due }) => due)).size === fleet.ran.length
  console.log(isOnce ? 'each due time ran at most once' : 'A DUE TIME RAN TWICE')
  return isOnce && new Set(job?.runs.map(({ by }) => by)).size === 2
}

process.exitCode = (await play()) ? 0 : 1
