/**
 * Curator's recipes on the JVM (bench/peers/curator), compiled against the jars of an installed Curator
 * (`LATCHKEY_CURATOR_CLASSPATH`, else Debian's libcurator-*-java).
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { firstLine, runCommand } from '../command.js'
import { cache, repository } from '../paths.js'
import type { Subject } from './subject.js'

const DEBIAN_JARS = '/usr/share/java'
const NEEDED = [
  /^curator-(client|framework|recipes)\.jar$/,
  /^zookeeper(-jute)?\.jar$/,
  /^(guava|failureaccess|slf4j-api|slf4j-nop)\.jar$/,
  /^netty-(all|handler|transport|common|buffer|codec|resolver)[-\w]*\.jar$/,
  /^(snappy-java|metrics-core)\.jar$/,
]

export const curator: Subject = {
  name: 'curator',
  benches: [
    'client',
    'watch',
    'contention',
    'fail-over',
    'memory',
    'mutex',
    'semaphore',
    'leader',
    'queue',
    'counter',
    'barrier',
  ],
  lacks: {
    'mutex-not-awaited': 'its release always waits',
    'delete-event': 'it is for the limit alone',
  },
  async launch(bench) {
    const classpath = await findClasspath()
    if (classpath === undefined)
      return { missing: 'no Curator jars: install libcurator-recipes-java or set LATCHKEY_CURATOR_CLASSPATH' }
    if ((await firstLine('javac', ['-version'])) === undefined) return { missing: 'no javac' }
    const classes = join(cache, 'curator')
    await mkdir(classes, { recursive: true })
    const folder = join(repository, 'bench', 'peers', 'curator')
    const sources = (await readdir(folder)).map((name) => join(folder, name))
    await runCommand('javac', ['-cp', classpath, '-d', classes, ...sources])
    const version = /curator-recipes-([\d.]+)\.jar/.exec(await listed())?.[1] ?? 'of the classpath'
    // Of 64 young JVMs on a few cores most of the time would go to their compilers.
    const flags = bench === 'contention' ? ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'] : []
    const args = [...flags, '-cp', `${classes}:${classpath}`, 'CuratorBench']
    return { command: 'java', args, version }
  },
}

async function listed(): Promise<string> {
  return existsSync(DEBIAN_JARS) ? (await readdir(DEBIAN_JARS)).join('\n') : ''
}

async function findClasspath(): Promise<string | undefined> {
  const given = process.env['LATCHKEY_CURATOR_CLASSPATH']
  if (given !== undefined && given !== '') return given
  const jars = (await listed()).split('\n').filter((name) => NEEDED.some((pattern) => pattern.test(name)))
  if (!jars.includes('curator-recipes.jar')) return undefined
  return jars.map((name) => join(DEBIAN_JARS, name)).join(':')
}
