/**
 * What idle sessions and watches weigh: how much the resident memory of a fresh process grows (of a JVM, its heap). The other end is the embedded server, which
 * is in the process of the bench: what a client weighs does not depend on it.
 */
import { readFile } from 'node:fs/promises'
import { connect } from 'latchkey'
import { headerOf, loadNow } from './header.js'
import { launchesFor } from './launches.js'
import type { BenchOptions } from './options.js'
import { PeerProcess } from './peer-process.js'
import type { Run, Weight } from './records.js'
import { makeRoot } from './root.js'
import { interleaved } from './run.js'
import type { Launch } from './subjects/subject.js'
import { firstServer, startTarget, type Target } from './target.js'
import { weighings, type Weighing } from './weighings.js'

export async function runMemory(options: BenchOptions): Promise<Run> {
  const load = loadNow()
  await using target = await startTarget({ ...options, embedded: options.connect === undefined })
  await using root = await makeRoot(target.connectString)
  const { able, versions, missing } = await launchesFor('memory', options)
  const weights: Weight[] = []
  const chosen = weighings.filter(({ name }) => options.scenarios?.includes(name) !== false)
  if (chosen.some(({ name }) => name === 'memory-watches')) await plant(target, root.path)
  for (const weighing of chosen) {
    const count = Math.max(1, Math.round(weighing.count * options.scale))
    weights.push(
      ...(await interleaved(weighing.name, able, options, async ({ subject, launch }, round) => ({
        kind: 'weight' as const,
        scenario: weighing.name,
        subject: subject.name,
        round,
        count,
        bytes: await weigh(launch, target, root.path, weighing, count),
      }))),
    )
  }
  const header = await headerOf(options, { servers: target.description, versions, missing, load })
  return { header, samples: [], gaps: [], counts: [], weights }
}

async function plant(target: Target, root: string): Promise<void> {
  await using zk = await connect(target.connectString)
  const most = Math.max(...weighings.map(({ count }) => count))
  for (let i = 0; i < most; i += 500)
    await Promise.all(
      Array.from({ length: 500 }, async (_, index) => zk.create(`${root}/watched-${i + index}`)),
    )
}

async function weigh(
  launch: Launch,
  target: Target,
  root: string,
  { name }: Weighing,
  count: number,
): Promise<number> {
  const process = await PeerProcess.start(launch, firstServer(target), root)
  try {
    const empty = await bytesOf(process, await process.ask(`${name} ${count} 1 none`))
    const bytes = (await bytesOf(process, await process.ask('go'))) - empty
    process.tell('end')
    return bytes
  } finally {
    process.kill()
  }
}

/** A JVM says what its heap holds: how much memory it has taken for that shows little. */
async function bytesOf({ pid }: PeerProcess, said: Record<string, unknown>): Promise<number> {
  if (typeof said['heapBytes'] === 'number') return said['heapBytes']
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
}
