/** `npm run torture -- peers`: kazoo's Lock, Curator's InterProcessMutex and our Mutex through the same faults. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import manifest from '../../../package.json' with { type: 'json' }
import { TestEnsemble } from '../../../src/testing/index.js'
import { compileCuratorPeers, findCurator, findKazoo, peerProgram } from '../../support/foreign-clients.js'
import type { HistoryEvent } from '../history.js'
import { scoreTable } from './score-table.js'
import { score, type PeerScore } from './score.js'
import { runPeers, type PeerKind, type PeerRun } from './workload.js'

/** Debian's jars do not say; its package does. */
async function curatorVersion(detail: string): Promise<string> {
  const query = ['-W', '-f', '${Version}', 'libcurator-recipes-java']
  const found = await promisify(execFile)('dpkg-query', query).catch(() => undefined)
  return found === undefined ? detail : found.stdout
}

async function kindsHere(classes: string): Promise<PeerKind[]> {
  const latchkey: PeerKind = {
    name: 'latchkey',
    version: manifest.version,
    command: (args) => [process.execPath, '--import', 'tsx', peerProgram('latchkey/tortured.ts'), ...args],
  }
  const kinds = [latchkey]
  const kazoo = await findKazoo()
  const program = peerProgram('kazoo/tortured.py')
  if (kazoo.available)
    kinds.push({
      name: 'kazoo',
      version: kazoo.detail.replace('kazoo ', ''),
      command: (args) => [kazoo.python, program, ...args],
    })
  const curator = await findCurator()
  if (!curator.available) return kinds
  const java = await compileCuratorPeers(classes)
  const version = await curatorVersion(curator.detail)
  return [...kinds, { name: 'curator', version, command: (args) => [...java, 'Tortured', ...args] }]
}

const timeOf = (line: PeerRun['lines'][number] | HistoryEvent): number => Number(line.t)

/** All that its processes said, and the sessions that were ended, in the order of time. */
function keepHistory(folder: string, { kind, lines, rounds }: PeerRun): void {
  mkdirSync(folder, { recursive: true })
  const all = [...lines, ...rounds.flatMap(({ ended }) => ended)].sort((a, b) => timeOf(a) - timeOf(b))
  writeFileSync(join(folder, `${kind.name}.jsonl`), all.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

export async function peers(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: text, seed: text, out: text, only: text },
  })
  const rounds = Number(values.rounds ?? 5)
  const seed = Number(values.seed ?? 1)
  const out = values.out ?? 'temp/torture'
  const classes = mkdtempSync(join(tmpdir(), 'latchkey-peers-'))
  const scores: PeerScore[] = []
  try {
    await using ensemble = await TestEnsemble.start({ engine: 'java', tickTimeMs: 300, forceSync: false })
    for (const kind of await kindsHere(classes)) {
      if (values.only !== undefined && values.only !== kind.name) continue
      console.log(`${kind.name} ${kind.version}: ${rounds} rounds`)
      const run = await runPeers(ensemble, kind, { rounds, seed })
      keepHistory(join(out, 'peers'), run)
      const scored = score(run)
      for (const violation of scored.rounds.flatMap(({ violations }) => violations))
        console.log(`VIOLATION ${violation}`)
      scores.push(scored)
    }
    const made = `ZooKeeper ${ensemble.version}, three servers; seed ${seed}, ${rounds} rounds\n\n${scoreTable(scores)}\n`
    writeFileSync(join(out, 'peers.md'), made)
    console.log(`${made}\nhistories: ${join(out, 'peers')}`)
  } finally {
    await rm(classes, { recursive: true, force: true })
  }
  const ours = scores.find(({ name }) => name === 'latchkey')?.rounds ?? []
  const isClean = ours.every(({ ghosts, overlaps, stale, stuck }) => ghosts + overlaps + stale + stuck === 0)
  return isClean ? 0 : 1
}
