/** The same client on other servers: the embedded one in a process of its own, one real server, three of them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { runCommand } from './command.js'
import { Crew } from './crew.js'
import { DisposableList } from './disposable-list.js'
import { headerOf, loadNow } from './header.js'
import type { BenchOptions } from './options.js'
import { packageFolder } from './paths.js'
import { timedOnce, type Run, type Sample } from './records.js'
import { makeRoot } from './root.js'
import { interleaved, runScenarios } from './run.js'
import { latchkey } from './subjects/latchkey.js'
import type { Subject } from './subjects/subject.js'
import { startEnsemble, targetAt, type Target } from './target.js'

interface Kind {
  readonly name: string
  readonly start: () => Promise<Target>
}

export async function runServers(options: BenchOptions): Promise<Run> {
  const load = loadNow()
  await using stack = new DisposableList()
  const kinds: readonly Kind[] = [
    { name: 'embedded server', start: startEmbedded },
    { name: 'one real server', start: async () => startEnsemble(options.engine, 1) },
    { name: 'three real servers', start: async () => startEnsemble(options.engine, 3) },
  ]
  const launch = await latchkey.launch()
  if ('missing' in launch) throw new Error(launch.missing)
  const crews: Crew[] = []
  const descriptions: string[] = []
  for (const { name, start } of kinds) {
    const target = stack.add(await start())
    descriptions.push(`${name}: ${target.description}`)
    const subject: Subject = {
      name,
      benches: ['server'],
      launch: latchkey.launch,
      lacks: { 'server-start': '' },
    }
    const root = await makeRoot(target.connectString)
    crews.push(stack.add(await Crew.start({ subject, launch, target, root: root.path })))
  }
  const starts = options.scenarios?.includes('server-start') === false ? [] : await startTimes(kinds, options)
  const { samples } = await runScenarios('server', crews, options)
  const found = {
    servers: descriptions.join('; '),
    versions: { latchkey: launch.version },
    missing: {},
    load,
  }
  return {
    header: await headerOf(options, found),
    samples: [...starts, ...samples],
    gaps: [],
    counts: [],
    weights: [],
  }
}

async function startEmbedded(): Promise<Target> {
  const program = join(packageFolder, 'dist', 'src', 'cli', 'main.js')
  const child = spawn(process.execPath, [program, 'dev', '--port', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { connectString } = JSON.parse(line) as { connectString: string }
  return targetAt(connectString, 'in a process of its own, in memory', async () => {
    const ended = once(child, 'exit')
    child.kill()
    await ended
  })
}

/** The embedded one in a fresh process, by its call alone and with the import of the package; the real ones until they take writes. */
async function startTimes(kinds: readonly Kind[], options: BenchOptions): Promise<Sample[]> {
  const rounds = await interleaved(
    'server-start',
    kinds,
    { ...options, warmUp: 1 },
    async ({ name, start }, round) => {
      if (name === 'embedded server') {
        const { callMs, importMs } = await embeddedStart()
        return [
          timedOnce('server-start', name, round, callMs),
          timedOnce('server-start', `${name}, import included`, round, importMs + callMs),
        ]
      }
      const begun = performance.now()
      await using _ = await start()
      return [timedOnce('server-start', name, round, performance.now() - begun)]
    },
  )
  return rounds.flat()
}

async function embeddedStart(): Promise<{ importMs: number; callMs: number }> {
  const entry = pathToFileURL(join(packageFolder, 'dist', 'src', 'server', 'index.js')).href
  const text = `
    const begun = performance.now()
    const { startServer } = await import(${JSON.stringify(entry)})
    const imported = performance.now()
    const server = await startServer()
    console.log(JSON.stringify({ importMs: imported - begun, callMs: performance.now() - imported }))
    await server.close()`
  return JSON.parse(await runCommand(process.execPath, ['--input-type=module', '-e', text])) as {
    importMs: number
    callMs: number
  }
}
