/**
 * Records test/vectors: every frame between Apache's own Java client and a real server, in both directions.
 *
 *     npx tsx test/support/vectors/record.ts 3.8.4
 *     npx tsx test/support/vectors/record.ts 3.9.4
 *
 * Needs a JDK; ZooKeeper is fetched with Maven if it is not there. Look at the difference before you commit: `value`
 * is what our decoder makes of a frame, kept so that a change of meaning shows. Ids, passwords and times differ with
 * each recording.
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { FrameSplitter } from '../../../src/codec/frame.js'
import { javaProgram, zooKeeperJars } from '../../../src/testing/zookeeper-jars.js'
import { TestEnsemble } from '../../../src/testing/index.js'
import type { Frame, Recording } from './recording.js'
import { decode, toJson } from './recording.js'

const MAX_FRAME_BYTES = 4 * 1024 * 1024
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Passes bytes on and keeps the frames; cuts the connection behind the answer to a question about `/cut`. */
function relay(client: Socket, port: number, frames: Frame[]): void {
  const server = connect({ host: '127.0.0.1', port })
  let cutting = false
  const keep = (from: Frame['from'], splitter: FrameSplitter, chunk: Buffer): void => {
    splitter.push(chunk, (frame) => {
      frames.push({ from, bytes: frame.toString('hex') })
      return true
    })
  }
  const [up, down] = [new FrameSplitter(MAX_FRAME_BYTES), new FrameSplitter(MAX_FRAME_BYTES)]
  client.on('data', (chunk: Buffer) => {
    cutting ||= chunk.includes('/cut')
    keep('client', up, chunk)
    server.write(chunk)
  })
  server.on('data', (chunk: Buffer) => {
    keep('server', down, chunk)
    client.write(chunk, () => {
      if (cutting) client.destroy()
    })
  })
  for (const [socket, other] of [
    [client, server],
    [server, client],
  ] as const) {
    socket.on('error', () => undefined)
    socket.on('close', () => other.destroy())
  }
}

async function runScenario(classpath: string, port: number): Promise<void> {
  const child = spawn(javaProgram(), ['-cp', classpath, here('Scenario.java'), `127.0.0.1:${port}`], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) throw new Error(`the scenario ended with ${String(code)}`)
}

async function record(version: string): Promise<void> {
  const jars = await zooKeeperJars(version)
  await using ensemble = await TestEnsemble.start({ engine: 'java', servers: 1, version })
  const [member] = ensemble.members
  if (member === undefined) throw new Error('no server')
  const connections: Frame[][] = []
  const proxy = createServer((socket) => {
    const frames: Frame[] = []
    connections.push(frames)
    relay(socket, member.clientPort, frames)
  })
  await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve))
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  await runScenario(jars.classpath, address.port)
  proxy.close()
  const recording: Recording = {
    zookeeper: ensemble.version,
    connections: connections.map((frames) =>
      decode(frames).map(({ from, bytes, name, value }) => ({ from, name, bytes, value })),
    ),
  }
  const file = here(`../../vectors/zookeeper-${ensemble.version}.json`)
  writeFileSync(file, `${JSON.stringify(toJson(recording), undefined, 2)}\n`)
  process.stdout.write(`${file}: ${connections.flat().length} frames on ${connections.length} connections\n`)
}

const [version] = process.argv.slice(2)
if (version === undefined) throw new TypeError('say which version, such as 3.9.4')
await record(version)
