/** Which engines can be had here, and why not. */
import { spawn } from 'node:child_process'
import { imageName, reachDocker } from './docker-engine.js'
import type { EngineName, TestEnsembleOptions } from './ensemble-options.js'
import { environmentError, reasonOf } from './environment-error.js'
import { givenConnectString } from './given-engine.js'
import { availableJars, javaProgram, versionMatches } from './zookeeper-jars.js'

export interface EngineReport {
  readonly engine: EngineName
  readonly available: boolean
  /** What would be used, or what is missing. */
  readonly detail: string
}

type Wishes = Pick<TestEnsembleOptions, 'connectString' | 'image' | 'version'>

/** Whether `program` runs at all. */
async function runs(program: string, ...args: string[]): Promise<boolean> {
  const child = spawn(program, args, { stdio: 'ignore' })
  return new Promise((resolve) => {
    child.once('error', () => resolve(false))
    child.once('close', (code) => resolve(code === 0))
  })
}

async function given(wishes: Wishes): Promise<EngineReport> {
  const connectString = givenConnectString(wishes)
  const detail =
    connectString ?? 'neither connectString nor LATCHKEY_TEST_CONNECT nor ZOOKEEPER_CONNECT is set'
  return Promise.resolve({ engine: 'given', available: connectString !== undefined, detail })
}

async function docker(wishes: Wishes, pull: boolean): Promise<EngineReport> {
  const image = imageName(wishes)
  try {
    const { client } = await reachDocker(image, pull)
    const version = client.info.containerRuntime.serverVersion
    return { engine: 'docker', available: true, detail: `Docker ${version}, image ${image}` }
  } catch (error) {
    return { engine: 'docker', available: false, detail: reasonOf(error) }
  }
}

async function java(wishes: Wishes): Promise<EngineReport> {
  const report = (available: boolean, detail: string): EngineReport => ({ engine: 'java', available, detail })
  const { version: wanted } = wishes
  if (process.platform === 'win32') return report(false, 'not on Windows')
  if (!(await runs(javaProgram(), '-version'))) return report(false, `${javaProgram()} can't be run`)
  const jars = availableJars().find((each) => wanted === undefined || versionMatches(each.version, wanted))
  if (jars !== undefined) return report(true, `ZooKeeper ${jars.version ?? '?'}, ${jars.origin}`)
  const missing = wanted === undefined ? 'ZooKeeper' : `ZooKeeper ${wanted}`
  if (await runs(process.env['LATCHKEY_MAVEN'] ?? 'mvn', '--version'))
    return report(true, `${missing}, to be fetched with Maven`)
  return report(false, `${missing} is not installed, and there is no Maven to fetch it`)
}

/**
 * Looks for each engine, in the order of `auto`: given, docker, java.
 *
 * @param options.pull - whether a Docker image that is absent may be pulled to find out. Default false: it then counts
 *   as missing.
 */
export async function findEngines(
  options: Wishes & { readonly pull?: boolean } = {},
): Promise<EngineReport[]> {
  return Promise.all([given(options), docker(options, options.pull ?? false), java(options)])
}

/** The engine asked for, or the first that can be had. */
export async function chooseEngine(options: TestEnsembleOptions): Promise<EngineName> {
  const { engine = 'auto' } = options
  if (engine !== 'auto') return engine
  // Each of these options asks for servers of its own, of a kind that only Java runs.
  const onlyJava = options.version !== undefined || options.jaas !== undefined || options.tls !== undefined
  const reports = onlyJava ? [await java(options)] : await inOrder(options)
  const found = reports.find((report) => report.available)
  if (found !== undefined) return found.engine
  const why = reports.map((report) => `- ${report.engine}: ${report.detail}`).join('\n')
  throw environmentError(`no ZooKeeper servers can be had here:\n${why}`)
}

/** Stops at the first that is there: looking for the next may take long. */
async function inOrder(options: TestEnsembleOptions): Promise<EngineReport[]> {
  const reports: EngineReport[] = []
  for (const look of [
    async () => given(options),
    async () => docker(options, true),
    async () => java(options),
  ]) {
    const report = await look()
    reports.push(report)
    if (report.available) break
  }
  return reports
}
