/** Progress while something lasts: a bar for each worker on a terminal, one line a second elsewhere. */
import type { Fleet, Worker } from './fleet.js'

const onTerminal = process.stdout.isTTY
const EVERY_MS = onTerminal ? 100 : 1_000
const BAR_WIDTH = 40

/** The part of a step's display that can be written to. */
interface Display {
  output: string | undefined
}

function barOf({ number, deeds, killed }: Worker, most: number): string {
  const filled = Math.round((deeds / Math.max(most, 1)) * BAR_WIDTH)
  const bar = '█'.repeat(filled).padEnd(BAR_WIDTH, '░')
  return `worker ${number}  ${bar}  ${deeds}${killed ? '  killed' : ''}`
}

function textOf({ workers }: Fleet, what: string): string {
  if (!onTerminal) return `${what} so far: ${workers.map(({ deeds }) => deeds).join(', ')}`
  const most = Math.max(...workers.map(({ deeds }) => deeds))
  return workers.map((worker) => barOf(worker, most)).join('\n')
}

/** Shows how the workers get on until `until` settles, and settles likewise. */
export async function showUntil<T>(
  display: Display,
  fleet: Fleet,
  what: string,
  until: Promise<T>,
): Promise<T> {
  const show = (): void => {
    display.output = textOf(fleet, what)
  }
  const timer = setInterval(show, EVERY_MS)
  try {
    return await until
  } finally {
    clearInterval(timer)
    show()
  }
}
