/** What is checked without running a test: layout, lint, types, the build, the package, the public API. */
import { apiReports } from './api-report.js'
import { runCommand, runTool } from './command.js'
import { tryAsConsumer, withTarball } from './consumer.js'
import { outcomeOf, sum, type Outcome, type Part } from './part.js'

const ATTW = ['--profile', 'esm-only', '--no-emoji', '--no-color']

export function staticParts(): Part[] {
  return [
    {
      name: 'format',
      group: 'static',
      run: async () => outcomeOf(await runTool('prettier', ['--check', '--log-level=warn', '.'])),
    },
    { name: 'lint', group: 'static', run: async () => outcomeOf(await runTool('eslint', ['.'])) },
    {
      name: 'typecheck',
      group: 'static',
      run: async () => outcomeOf(await runTool('typescript', ['-p', 'tsconfig.json'], { command: 'tsc' })),
    },
    { name: 'knip', group: 'static', run: async () => outcomeOf(await runTool('knip', [])) },
  ]
}

/** Packs once; each tool and each way of use counts one. */
async function packageChecks(): Promise<Outcome> {
  return withTarball(async (tarball) => {
    const results = {
      publint: await runTool('publint', ['run', tarball, '--strict']),
      'are the types wrong': await runTool('@arethetypeswrong/cli', [tarball, ...ATTW], { command: 'attw' }),
      ...(await tryAsConsumer(tarball)),
    }
    return sum(Object.entries(results).map(([name, result]) => outcomeOf(result, name)))
  })
}

export function packageParts(update: boolean): Part[] {
  return [
    {
      name: 'build',
      group: 'package',
      run: async () => outcomeOf(await runCommand('npm', ['run', '--silent', 'build'])),
    },
    { name: 'package', group: 'package', run: packageChecks },
    { name: 'api', group: 'package', run: async () => sum(apiReports(update)) },
  ]
}
