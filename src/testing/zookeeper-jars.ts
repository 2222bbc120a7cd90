/**
 * Where ZooKeeper's Java classes come from: told (`LATCHKEY_ZOOKEEPER_CLASSPATH`), unpacked (`ZOOKEEPER_HOME`),
 * installed by Debian's package, fetched before, or fetched now with Maven into a cache of this user.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { environmentError } from './environment-error.js'

export interface ZooKeeperJars {
  /** For `java -cp`. */
  readonly classpath: string
  /** As the jar's name says; undefined if it doesn't. */
  readonly version: string | undefined
  /** For messages: where it is from. */
  readonly origin: string
}

const DEFAULT_LINE = '3.9'
const DEBIAN_JARS = '/usr/share/java'
const FETCH_LIMIT_MS = 300_000

/** Node may run where none of these is set, and then the program is looked for in `PATH`. */
export function javaProgram(): string {
  const home = process.env['JAVA_HOME']
  return process.env['LATCHKEY_JAVA'] ?? (home === undefined ? 'java' : join(home, 'bin', 'java'))
}

/** Whether `version` is what `wanted` asks for: `3.9` and `3.9.x` ask for any 3.9. */
export function versionMatches(version: string | undefined, wanted: string): boolean {
  const line = wanted.replace(/\.x$/, '')
  return version !== undefined && (version === line || version.startsWith(`${line}.`))
}

/** Newest last. */
function byVersion(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

function versionInName(jar: string): string | undefined {
  return /^zookeeper-(\d+\.\d+\.\d+[\w.-]*?)\.jar$/.exec(basename(jar))?.[1]
}

function jarsIn(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory).filter((name) => name.endsWith('.jar'))
}

function told(): ZooKeeperJars | undefined {
  const classpath = process.env['LATCHKEY_ZOOKEEPER_CLASSPATH']
  if (classpath === undefined || classpath === '') return undefined
  const jars = classpath
    .split(delimiter)
    .flatMap((entry) => (entry.endsWith('*') ? jarsIn(entry.slice(0, -1)) : entry))
  const version = jars.map(versionInName).find((found) => found !== undefined)
  return { classpath, version, origin: 'LATCHKEY_ZOOKEEPER_CLASSPATH' }
}

function unpacked(): ZooKeeperJars | undefined {
  const home = process.env['ZOOKEEPER_HOME']
  if (home === undefined || home === '') return undefined
  const entries = [join(home, 'conf'), join(home, '*'), join(home, 'lib', '*')]
  const jars = [...jarsIn(home), ...jarsIn(join(home, 'lib'))]
  const version = jars.map(versionInName).find((found) => found !== undefined)
  if (version === undefined) return undefined
  return { classpath: entries.join(delimiter), version, origin: 'ZOOKEEPER_HOME' }
}

/** Debian's jar names what it needs in its manifest, but for a logger and, for TLS, a part of Netty. */
function installed(): ZooKeeperJars | undefined {
  const jar = join(DEBIAN_JARS, 'zookeeper.jar')
  if (!existsSync(jar)) return undefined
  const more = ['slf4j-simple.jar', 'netty-codec.jar', 'netty-resolver.jar'].map((name) =>
    join(DEBIAN_JARS, name),
  )
  return {
    classpath: [...more.filter((path) => existsSync(path)), jar].join(delimiter),
    version: jarsIn(DEBIAN_JARS)
      .map(versionInName)
      .find((found) => found !== undefined),
    origin: 'the installed package',
  }
}

/** Where fetched jars are kept, one directory a version. */
export function jarCache(): string {
  const base = process.env['LATCHKEY_CACHE'] ?? process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return join(base, 'latchkey', 'zookeeper')
}

function fetched(): ZooKeeperJars[] {
  const cache = jarCache()
  if (!existsSync(cache)) return []
  return readdirSync(cache)
    .filter((name) => /^\d/.test(name))
    .sort(byVersion)
    .map((version) => ({ classpath: join(cache, version, '*'), version, origin: 'fetched before' }))
}

/** What is there without a download, the preferred one first. */
export function availableJars(): ZooKeeperJars[] {
  return [told(), unpacked(), installed(), ...fetched().reverse()].filter((jars) => jars !== undefined)
}

/**
 * What a line stands for: a release that these engines were tried with, so that the same tests meet the same servers
 * tomorrow. A line that came later is left to Maven, as a range.
 */
const RELEASES: Readonly<Record<string, string>> = {
  '3.5': '3.5.10',
  '3.6': '3.6.4',
  '3.7': '3.7.2',
  '3.8': '3.8.4',
  '3.9': '3.9.4',
}

function mavenVersion(wanted: string): string {
  const [major = '', minor = '', patch] = wanted.split('.')
  const release = RELEASES[`${major}.${minor}`]
  if (release !== undefined && (patch === undefined || patch === 'x')) return release
  if (patch !== undefined && patch !== 'x') return wanted
  return `[${major}.${minor}.0,${major}.${Number(minor) + 1}.0-alpha)`
}

/**
 * The server needs metrics and snappy, which its own pom leaves to whoever runs it, and a logger: slf4j's simplest,
 * which writes to standard error, in the same way for every version.
 */
function pom(wanted: string): string {
  const dependency = (group: string, artifact: string, version: string, exclusions = ''): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
    `<version>${version}</version>${exclusions}</dependency>`
  const without = (...coordinates: string[]): string =>
    coordinates
      .map((coordinate) => coordinate.split(':'))
      .map(([group, artifact]) => `<groupId>${group}</groupId><artifactId>${artifact}</artifactId>`)
      .map((names) => `<exclusion>${names}</exclusion>`)
      .join('')
  const unwanted = without(
    'org.slf4j:slf4j-log4j12',
    'ch.qos.logback:logback-classic',
    'ch.qos.logback:logback-core',
    'io.netty:netty-tcnative-boringssl-static',
  )
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
    '<groupId>latchkey</groupId><artifactId>zookeeper-jars</artifactId><version>1</version>',
    '<packaging>pom</packaging><dependencies>',
    dependency(
      'org.apache.zookeeper',
      'zookeeper',
      mavenVersion(wanted),
      `<exclusions>${unwanted}</exclusions>`,
    ),
    dependency('io.dropwizard.metrics', 'metrics-core', '4.1.12.1'),
    dependency('org.xerial.snappy', 'snappy-java', '1.1.10.5'),
    dependency('org.slf4j', 'slf4j-api', '2.0.13'),
    dependency('org.slf4j', 'slf4j-simple', '2.0.13'),
    '</dependencies></project>',
  ].join('\n')
}

async function runMaven(directory: string): Promise<void> {
  const program = process.env['LATCHKEY_MAVEN'] ?? 'mvn'
  const goal = [
    '-B',
    '-q',
    'dependency:copy-dependencies',
    '-DoutputDirectory=jars',
    '-DincludeScope=runtime',
  ]
  const child = spawn(program, goal, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: FETCH_LIMIT_MS,
  })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
  }
  await new Promise<void>((resolve, reject) => {
    child.once('error', (error) =>
      reject(environmentError(`${program} can't be run: ${error.message}`, error)),
    )
    child.once('close', (code, signal) => {
      if (code === 0) return resolve()
      const tail = output.join('').slice(-2_000)
      reject(environmentError(`Maven could not fetch ZooKeeper (${signal ?? `exit ${code}`}):\n${tail}`))
    })
  })
}

async function fetchJars(wanted: string): Promise<ZooKeeperJars> {
  const cache = jarCache()
  mkdirSync(cache, { recursive: true })
  const directory = await mkdtemp(join(cache, '.fetch-'))
  try {
    await writeFile(join(directory, 'pom.xml'), pom(wanted))
    await runMaven(directory)
    const jars = join(directory, 'jars')
    const version = jarsIn(jars)
      .map(versionInName)
      .find((found) => found !== undefined)
    if (version === undefined) throw environmentError(`Maven found no ZooKeeper ${wanted}`)
    const kept = join(cache, version)
    // Another process may have fetched the same meanwhile: then this copy is not needed.
    if (!existsSync(kept)) renameSync(jars, kept)
    return { classpath: join(kept, '*'), version, origin: 'fetched with Maven' }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * The jars of a ZooKeeper server, fetched if need be.
 *
 * @param wanted - `3.9.4`, `3.9` or `3.9.x`; undefined takes what is there, else the newest 3.9.
 * @throws a `ZkError` with code `TEST_ENVIRONMENT` that says what was looked for.
 */
export async function zooKeeperJars(wanted?: string): Promise<ZooKeeperJars> {
  const available = availableJars()
  const found = available.find((jars) => wanted === undefined || versionMatches(jars.version, wanted))
  if (found !== undefined) return found
  try {
    return await fetchJars(wanted ?? DEFAULT_LINE)
  } catch (error) {
    const there = available.map((jars) => `${jars.version ?? 'unknown'} (${jars.origin})`).join(', ')
    throw environmentError(
      `no ZooKeeper ${wanted ?? ''} to run with Java: there is ${there || 'none installed'}, and fetching failed. ` +
        'Install the zookeeper package, or set ZOOKEEPER_HOME or LATCHKEY_ZOOKEEPER_CLASSPATH, or install Maven',
      error,
    )
  }
}
