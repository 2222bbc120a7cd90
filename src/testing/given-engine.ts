/** Servers that somebody else runs: they can be used, not controlled. */
import type { TestEnsembleOptions } from './ensemble-options.js'
import { environmentError } from './environment-error.js'
import type { EnsembleProcesses, MemberProcess } from './member-process.js'

const DEFAULT_PORT = 2181

/** The connect string asked for, from the options or the environment. */
export function givenConnectString(options: {
  readonly connectString?: string | undefined
}): string | undefined {
  const { LATCHKEY_TEST_CONNECT: forTests, ZOOKEEPER_CONNECT: general } = process.env
  return [options.connectString, forTests, general].find((value) => value !== undefined && value !== '')
}

/** Splits `host:port,[::1]:port`. A chroot makes no sense for servers, and is refused. */
export function hostsIn(connectString: string): { host: string; port: number }[] {
  if (connectString.includes('/')) {
    throw new TypeError(`a given ensemble is named without a chroot, got ${connectString}`)
  }
  return connectString.split(',').map((part) => {
    const match = /^(?:\[([^\]]+)\]|([^:\s]+))(?::(\d{1,5}))?$/.exec(part.trim())
    const host = match?.[1] ?? match?.[2]
    const port = Number(match?.[3] ?? DEFAULT_PORT)
    if (host === undefined || port < 1 || port > 65_535) throw new TypeError(`not a host and port: "${part}"`)
    return { host, port }
  })
}

function givenMember(host: string, clientPort: number): MemberProcess {
  const refuse = async (what: string): Promise<never> =>
    Promise.reject(
      environmentError(`can't ${what} ${host}:${clientPort}: it was given, and is not ours to control`),
    )
  return {
    host,
    clientPort,
    securePort: undefined,
    start: async () => refuse('start'),
    end: async (how) => refuse(how),
    pause: async () => refuse('pause'),
    resume: async () => refuse('resume'),
    exit: async () => Promise.resolve(undefined),
    logTail: async () => Promise.resolve(''),
  }
}

export function givenEngine(options: TestEnsembleOptions): EnsembleProcesses {
  const connectString = givenConnectString(options)
  if (connectString === undefined) {
    throw environmentError(
      'no ensemble is given: set connectString, LATCHKEY_TEST_CONNECT or ZOOKEEPER_CONNECT',
    )
  }
  return {
    members: hostsIn(connectString).map(({ host, port }) => givenMember(host, port)),
    [Symbol.asyncDispose]: async () => Promise.resolve(),
  }
}
