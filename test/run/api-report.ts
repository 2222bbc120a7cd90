/**
 * The public API as committed text, docs/api/*.api.md: one report an entry, made from the built declarations. A change
 * of the API shows in review as a change of these files; `npm run api` writes them anew.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Extractor, ExtractorConfig, type IConfigFile } from '@microsoft/api-extractor'
import { root } from './command.js'
import type { Outcome } from './part.js'

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>
}

const reports = join(root, 'docs/api')

/** `./server` → `latchkey-server`, with the file of its declarations. */
function entries(): { name: string; types: string }[] {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  return Object.entries(manifest.exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : [{ name: `latchkey${path.slice(1).replaceAll('/', '-')}`, types: target.types }],
  )
}

function configOf(name: string, types: string): ExtractorConfig {
  const quiet = { default: { logLevel: 'none' as const } }
  const configObject: IConfigFile = {
    projectFolder: root,
    mainEntryPointFilePath: join(root, types),
    compiler: { tsconfigFilePath: join(root, 'tsconfig.build.json') },
    apiReport: {
      enabled: true,
      reportFileName: `${name}.api.md`,
      reportFolder: reports,
      reportTempFolder: join(root, 'temp/api'),
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    newlineKind: 'lf',
    messages: {
      compilerMessageReporting: { default: { logLevel: 'error' as never } },
      extractorMessageReporting: quiet as never,
      tsdocMessageReporting: quiet as never,
    },
  }
  return ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: join(root, 'temp/api-extractor.json'),
    packageJsonFullPath: join(root, 'package.json'),
  })
}

/** The first lines that differ, so that a reader sees what it is about. */
function difference(name: string): string {
  const lines = (folder: string): string[] => {
    const file = join(folder, `${name}.api.md`)
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  }
  const [before, after] = [lines(reports), lines(join(root, 'temp/api'))]
  const gone = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`)
  const come = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`)
  return [...gone.slice(0, 20), ...come.slice(0, 20)].join('\n')
}

function report(name: string, types: string, update: boolean): Outcome {
  if (!existsSync(join(root, types)))
    return { passed: 0, failed: 1, skipped: 0, output: `${types} is missing: build first` }
  const problems: string[] = []
  const result = Extractor.invoke(configOf(name, types), {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = true
      if ((message.logLevel as string) === 'error') problems.push(message.formatMessageWithLocation(root))
    },
  })
  const failed = problems.length > 0 || (result.apiReportChanged && !update)
  if (failed && problems.length === 0)
    problems.push(
      `the API of ${name} differs from docs/api/${name}.api.md:`,
      difference(name),
      'meant? npm run api',
    )
  return { passed: failed ? 0 : 1, failed: failed ? 1 : 0, skipped: 0, output: problems.join('\n') }
}

/** One check an entry; with `update`, writes what differs. */
export function apiReports(update: boolean): Outcome[] {
  mkdirSync(reports, { recursive: true })
  return entries().map(({ name, types }) => report(name, types, update))
}
