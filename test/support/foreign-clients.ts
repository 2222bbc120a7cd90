/**
 * Clients that others wrote, as this machine has them: kazoo for Python, Apache Curator for Java. Told by the
 * environment, installed, or, for Curator, fetched with Maven into a cache of this user.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export interface ForeignClient {
  readonly available: boolean
  /** What there is, or what is missing. */
  readonly detail: string
}

export interface Kazoo extends ForeignClient {
  /** The Python that has it. */
  readonly python: string
}

export interface Curator extends ForeignClient {
  /** Undefined until it is fetched. */
  readonly classpath: string | undefined
}

const run = promisify(execFile)
const FETCH_LIMIT_MS = 300_000
const peers = fileURLToPath(new URL('../interop/peers/', import.meta.url))

async function works(program: string, ...args: string[]): Promise<boolean> {
  return run(program, args).then(
    () => true,
    () => false,
  )
}

/** Looks at `LATCHKEY_PYTHON`, then at the usual places; the first that can import kazoo is taken. */
export async function findKazoo(): Promise<Kazoo> {
  const told = process.env['LATCHKEY_PYTHON']
  const candidates = told === undefined ? ['python3', '/usr/bin/python3'] : [told]
  for (const python of candidates) {
    const found = await run(python, ['-c', 'import kazoo; print(kazoo.__version__)']).catch(() => undefined)
    if (found !== undefined) return { available: true, detail: `kazoo ${found.stdout.trim()}`, python }
  }
  const detail = `no kazoo for ${candidates.join(' or ')}: install python3-kazoo, or pip install kazoo`
  return { available: false, detail, python: 'python3' }
}

function javaTool(name: 'java' | 'javac'): string {
  const home = process.env['JAVA_HOME']
  return home === undefined ? name : join(home, 'bin', name)
}

/** Debian's jars, which are named without their versions. */
function installedCurator(): string | undefined {
  const names = ['curator-recipes', 'curator-framework', 'curator-client', 'zookeeper', 'zookeeper-jute']
  const jars = [...names, 'guava', 'slf4j-api', 'slf4j-nop'].map((name) => `/usr/share/java/${name}.jar`)
  return jars.every((jar) => existsSync(jar)) ? jars.join(delimiter) : undefined
}

/** One directory for what the pom asks for now. */
function cachedJars(): string {
  const base = process.env['LATCHKEY_CACHE'] ?? process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const pom = createHash('sha256')
    .update(readFileSync(join(peers, 'curator', 'pom.xml')))
    .digest('hex')
  return join(base, 'latchkey', 'curator', pom.slice(0, 12))
}

/** Whether the Curator peers can be compiled and run; `LATCHKEY_CURATOR_CLASSPATH` tells where Curator is. */
export async function findCurator(): Promise<Curator> {
  const missing = (detail: string): Curator => ({ available: false, detail, classpath: undefined })
  if (!(await works(javaTool('javac'), '-version'))) return missing('no Java compiler: install a JDK')
  const told = process.env['LATCHKEY_CURATOR_CLASSPATH']
  if (told !== undefined) return { available: true, detail: 'Curator as told', classpath: told }
  const installed = installedCurator()
  if (installed !== undefined) return { available: true, detail: 'Curator, installed', classpath: installed }
  const cached = cachedJars()
  if (existsSync(cached)) return { available: true, detail: 'Curator, fetched', classpath: join(cached, '*') }
  if (!(await works('mvn', '--version'))) {
    return missing('no Curator: install libcurator-recipes-java, or Maven to fetch it')
  }
  return { available: true, detail: 'Curator, to be fetched with Maven', classpath: undefined }
}

async function fetchCurator(): Promise<string> {
  const kept = cachedJars()
  const parent = join(kept, '..')
  await mkdir(parent, { recursive: true })
  const directory = await mkdtemp(join(parent, '.fetch-'))
  try {
    await cp(join(peers, 'curator', 'pom.xml'), join(directory, 'pom.xml'))
    const goal = ['-B', '-q', 'dependency:copy-dependencies', '-DoutputDirectory=jars']
    await run('mvn', goal, { cwd: directory, timeout: FETCH_LIMIT_MS })
    if (!existsSync(kept)) await rename(join(directory, 'jars'), kept)
    return join(kept, '*')
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Compiles the Curator peers into `directory`, and gives what to call `java` with before the name of one. */
export async function compileCuratorPeers(directory: string): Promise<readonly string[]> {
  const curator = await findCurator()
  if (!curator.available) throw new Error(curator.detail)
  const classpath = curator.classpath ?? (await fetchCurator())
  const source = join(peers, 'curator')
  const files = (await readdir(source)).filter((name) => name.endsWith('.java'))
  const sources = files.map((name) => join(source, name))
  await run(javaTool('javac'), ['-nowarn', '-d', directory, '-cp', classpath, ...sources])
  const small = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']
  return [javaTool('java'), ...small, '-cp', [directory, classpath].join(delimiter)]
}

/** The path of a peer's program. */
export function peerProgram(path: string): string {
  return join(peers, path)
}
