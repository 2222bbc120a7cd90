/** What can be asked of a test ensemble, and what its servers are then told. Nothing is started here. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { TestEnsembleOptions } from '../../src/testing/index.js'
import { TestEnsemble } from '../../src/testing/index.js'
import { containerEnvironment } from '../../src/testing/docker-engine.js'
import { serverSettings } from '../../src/testing/ensemble-options.js'
import { findEngines } from '../../src/testing/find-engines.js'
import { roleIn, versionIn } from '../../src/testing/four-letter-word.js'
import { freePorts, returnPorts } from '../../src/testing/free-port.js'
import { hostsIn } from '../../src/testing/given-engine.js'
import { configFile } from '../../src/testing/java-engine.js'
import { versionMatches } from '../../src/testing/zookeeper-jars.js'

afterEach(() => void vi.unstubAllEnvs())

describe('options that can not be meant are refused at once', () => {
  const refused: readonly (readonly [TestEnsembleOptions, string])[] = [
    [{ servers: 0 }, 'servers must be a whole number from 1 to 9, got 0'],
    [{ servers: 2.5 }, 'servers must be a whole number from 1 to 9, got 2.5'],
    [{ engine: 'podman' as never }, 'engine must be one of auto, java, docker, given, got podman'],
    [{ tickTimeMs: 0 }, 'tickTimeMs must be a whole number of at least 10, got 0'],
    [{ version: 'latest' }, 'version must look like 3.9.4 or 3.9, got latest'],
    [{ startTimeoutMs: -1 }, 'startTimeoutMs must not be negative, got -1'],
  ]
  for (const [options, message] of refused) {
    it(JSON.stringify(options), async () => {
      await expect(TestEnsemble.start(options)).rejects.toThrow(message)
    })
  }
})

describe('a server is told', () => {
  const ports = [1, 2, 3].map((n) => ({ client: n, quorum: 10 + n, election: 20 + n, secure: undefined }))

  it('of all others when there are several', () => {
    const text = configFile(serverSettings({}), '/data', 2, ports)
    expect(text).toContain('server.1=127.0.0.1:11:21:participant;127.0.0.1:1\n')
    expect(text).toContain('server.3=127.0.0.1:13:23:participant;127.0.0.1:3\n')
    expect(text).not.toMatch(/^clientPort=/m)
  })

  it('of itself only when it is alone', () => {
    const text = configFile(serverSettings({}), '/data', 1, ports.slice(0, 1))
    expect(text).toMatch(/^clientPort=1$/m)
    expect(text).not.toContain('server.')
  })

  it('the settings that were asked for, which win', () => {
    const { config, systemProperties } = serverSettings({
      tickTimeMs: 200,
      settings: { maxClientCnxns: 7 },
      forceSync: false,
      reconfig: true,
    })
    expect(config).toMatchObject({ tickTime: '200', minSessionTimeout: '400', maxClientCnxns: '7' })
    expect(config).toMatchObject({ reconfigEnabled: 'true' })
    expect(systemProperties).toMatchObject({ 'zookeeper.forceSync': 'no' })
  })

  it('the same in a container, by the variables of the official image', () => {
    const environment = containerEnvironment(2, 3, { tickTimeMs: 200, env: { ZOO_INIT_LIMIT: '9' } })
    expect(environment).toMatchObject({
      ZOO_MY_ID: '2',
      ZOO_SERVERS: [1, 2, 3].map((id) => `server.${id}=zoo${id}:2888:3888;2181`).join(' '),
      ZOO_STANDALONE_ENABLED: 'false',
      ZOO_TICK_TIME: '200',
      ZOO_INIT_LIMIT: '9',
    })
    expect(environment['ZOO_CFG_EXTRA']?.split(' ')).toContain('minSessionTimeout=400')
    expect(environment['JVMFLAGS']).toContain('-Dzookeeper.forceSync=yes')
  })
})

describe('a given ensemble', () => {
  it('is read from its connect string', () => {
    expect(hostsIn('a:1,b, [::1]:3')).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 2181 },
      { host: '::1', port: 3 },
    ])
    expect(() => hostsIn('a:1/app')).toThrow('without a chroot')
    expect(() => hostsIn('a:1,,b:2')).toThrow('not a host and port: ""')
    expect(() => hostsIn('a:70000')).toThrow('not a host and port')
  })

  it('that nobody gave is an error which says how to give one', async () => {
    vi.stubEnv('LATCHKEY_TEST_CONNECT', '')
    vi.stubEnv('ZOOKEEPER_CONNECT', '')
    await expect(TestEnsemble.start({ engine: 'given' })).rejects.toMatchObject({
      code: 'TEST_ENVIRONMENT',
      message: 'no ensemble is given: set connectString, LATCHKEY_TEST_CONNECT or ZOOKEEPER_CONNECT',
    })
  })
})

describe('engines', () => {
  it('are reported in the order in which auto takes them, each with what is missing', async () => {
    vi.stubEnv('LATCHKEY_TEST_CONNECT', '')
    vi.stubEnv('ZOOKEEPER_CONNECT', 'somewhere:2181')
    vi.stubEnv('LATCHKEY_JAVA', '/nowhere/java')
    const [given, docker, java] = await findEngines()
    expect(given).toEqual({ engine: 'given', available: true, detail: 'somewhere:2181' })
    expect(docker?.engine).toBe('docker')
    expect(java).toEqual({ engine: 'java', available: false, detail: "/nowhere/java can't be run" })
  })

  it('that lack their program say so', async () => {
    vi.stubEnv('LATCHKEY_JAVA', '/nowhere/java')
    vi.stubEnv('LATCHKEY_ZOOKEEPER_CLASSPATH', '/nowhere/zookeeper-3.9.4.jar')
    await expect(TestEnsemble.start({ engine: 'java', servers: 1 })).rejects.toMatchObject({
      code: 'TEST_ENVIRONMENT',
      message: expect.stringContaining("/nowhere/java can't be run") as unknown,
    })
  })
})

it('a version is asked for exactly, or by its line', () => {
  expect(versionMatches('3.9.4', '3.9')).toBe(true)
  expect(versionMatches('3.9.4', '3.9.x')).toBe(true)
  expect(versionMatches('3.9.4', '3.9.4')).toBe(true)
  expect(versionMatches('3.10.0', '3.1')).toBe(false)
  expect(versionMatches('3.9.40', '3.9.4')).toBe(false)
  expect(versionMatches(undefined, '3.9')).toBe(false)
})

it('role and version are read from what a server says of itself', () => {
  const srvr =
    'Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on x\nMode: follower\n'
  expect(versionIn(srvr)).toBe('3.8.0')
  expect(roleIn(srvr)).toBe('follower')
  expect(roleIn('This ZooKeeper instance is not currently serving requests\n')).toBeUndefined()
})

it('free ports are different ones, below those of outgoing connections', async () => {
  const ports = await freePorts(20)
  returnPorts(ports)
  expect(new Set(ports).size).toBe(20)
  expect(Math.max(...ports)).toBeLessThan(32_768)
})
