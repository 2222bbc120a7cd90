/**
 * Real Apache ZooKeeper servers for a test, to be stopped, killed, paused and restarted one by one.
 *
 * Whether an ensemble works is judged by writes, never by roles: after a leader's death its followers go on calling
 * themselves so for a while.
 */
import { systemClock } from '../runtime/clock.js'
import { sleep } from '../runtime/abort.js'
import { dockerEngine } from './docker-engine.js'
import type { EngineName, TestEnsembleOptions } from './ensemble-options.js'
import { checkEnsembleOptions } from './ensemble-options.js'
import { EnsembleMember } from './ensemble-member.js'
import { environmentError, reasonOf } from './environment-error.js'
import { chooseEngine } from './find-engines.js'
import { fourLetterWord, versionIn } from './four-letter-word.js'
import { givenEngine } from './given-engine.js'
import { javaEngine } from './java-engine.js'
import type { EnsembleProcesses } from './member-process.js'
import type { FaultProxyOptions } from './fault-proxy.js'
import type { QuorumLinks } from './quorum-links.js'
import { ProxiedEnsemble } from './proxied-ensemble.js'
import { closeSession, proveWrites } from './raw-session.js'

const START_LIMIT_MS = 60_000
const QUORUM_LIMIT_MS = 30_000
/** One attempt at a write: short, since a server without a quorum stays silent. */
const PROOF_MS = 2_000
const POLL_MS = 50

export interface QuorumOptions {
  /** Default 30,000. */
  readonly timeoutMs?: number | undefined
  /** Whether every running server must take a write, or one of them. Default `all`. */
  readonly members?: 'all' | 'any' | undefined
  readonly signal?: AbortSignal | undefined
}

export class TestEnsemble implements AsyncDisposable {
  /** Who runs the servers. */
  readonly engine: EngineName
  readonly members: readonly EnsembleMember[]
  /** For a client that may use any of the servers. */
  readonly connectString: string
  /** The same over TLS; undefined unless started with `tls`. */
  readonly secureConnectString: string | undefined
  readonly #processes: EnsembleProcesses
  #version = ''
  #disposed: Promise<void> | undefined

  private constructor(engine: EngineName, processes: EnsembleProcesses) {
    this.engine = engine
    this.#processes = processes
    const initial = engine === 'given' ? 'running' : 'stopped'
    this.members = processes.members.map((process, index) => new EnsembleMember(index + 1, process, initial))
    this.connectString = this.members.map((member) => member.connectString).join(',')
    const secure = this.members.map((member) => member.secureConnectString)
    this.secureConnectString = secure.includes(undefined) ? undefined : secure.join(',')
  }

  /**
   * Starts servers and resolves when each of them takes writes.
   *
   * @throws a `ZkError` with code `TEST_ENVIRONMENT`, with the end of a server's log where there is one, when they
   *   can't be had or don't work within `startTimeoutMs`; nothing is left behind then.
   */
  static async start(options: TestEnsembleOptions = {}): Promise<TestEnsemble> {
    checkEnsembleOptions(options)
    const servers = options.servers ?? 3
    const engine = await chooseEngine(options)
    const processes = await createProcesses(engine, servers, options)
    const ensemble = new TestEnsemble(engine, processes)
    try {
      await ensemble.#begin(systemClock.now() + (options.startTimeoutMs ?? START_LIMIT_MS))
    } catch (error) {
      await ensemble[Symbol.asyncDispose]()
      throw error
    }
    return ensemble
  }

  /** Of the servers, as they say: `3.8.0`. Empty if they answer no `srvr`. */
  get version(): string {
    return this.#version
  }

  /** The first member that calls itself leader (or standalone), if any does. */
  async leader(): Promise<EnsembleMember | undefined> {
    const roles = await Promise.all(this.members.map(async (member) => member.role()))
    return this.members[roles.findIndex((role) => role === 'leader' || role === 'standalone')]
  }

  /**
   * Resolves when the running servers have each committed a write (the opening and closing of a session, which
   * leaves no trace in the tree).
   *
   * @throws a `ZkError` with code `TEST_ENVIRONMENT` after `timeoutMs`, or when a server has ended by itself.
   */
  async waitForQuorum(options: QuorumOptions = {}): Promise<void> {
    const deadline = systemClock.now() + (options.timeoutMs ?? QUORUM_LIMIT_MS)
    const running = this.members.filter((member) => member.state === 'running')
    if (running.length === 0) throw environmentError('no server of the ensemble is running')
    const proofs = running.map(async (member) => takesWrites(member, deadline, options.signal))
    await (options.members === 'any' ? Promise.any(proofs) : Promise.all(proofs))
  }

  /**
   * Ends a client's session as if it had expired: a second connection takes the session over and closes it. Its
   * ephemeral znodes are gone when this resolves.
   *
   * @returns false when the ensemble no longer knew the session.
   */
  async killSession(id: bigint, password: Uint8Array): Promise<boolean> {
    let failure: unknown
    for (const member of this.members.filter((candidate) => candidate.state === 'running')) {
      try {
        return await closeSession(member.host, member.clientPort, { id, password })
      } catch (error) {
        failure = error
      }
    }
    throw environmentError(`no server could close the session: ${reasonOf(failure)}`, failure)
  }

  /**
   * Parts two servers: nothing passes between them any more, and neither is told; their clients stay. Takes the option
   * `cuttable`.
   */
  cutLink(a: EnsembleMember, b: EnsembleMember): void {
    this.#cuttableLinks().cut(a.id, b.id)
  }

  /** Ends what `cutLink` began. */
  async healLinks(): Promise<void> {
    await this.#cuttableLinks().heal()
  }

  #cuttableLinks(): QuorumLinks {
    const { links } = this.#processes
    if (links === undefined) throw environmentError('the ensemble was not started with `cuttable`, by Java')
    return links
  }

  /** A client's own way to these servers, with a {@link FaultProxy} in front of each. To be disposed of by the caller. */
  async proxied(options: Omit<FaultProxyOptions, 'port'> = {}): Promise<ProxiedEnsemble> {
    return ProxiedEnsemble.start(this.members, options)
  }

  /** Ends all servers at once and removes what they wrote. Nothing happens to a given ensemble. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= Promise.resolve(this.#processes[Symbol.asyncDispose]())
    await this.#disposed
  }

  async #begin(deadline: number): Promise<void> {
    const left = (): number => Math.max(1, deadline - systemClock.now())
    if (this.engine !== 'given') {
      await Promise.all(this.members.map(async (member) => member.restart({ timeoutMs: left() })))
    }
    await this.waitForQuorum({ timeoutMs: left() })
    const [first] = this.members
    if (first === undefined) return
    const srvr = await fourLetterWord(first.host, first.clientPort, 'srvr').catch(() => '')
    this.#version = versionIn(srvr) ?? ''
  }
}

async function createProcesses(
  engine: EngineName,
  servers: number,
  options: TestEnsembleOptions,
): Promise<EnsembleProcesses> {
  switch (engine) {
    case 'java':
      return javaEngine(servers, options)
    case 'docker':
      return dockerEngine(servers, options)
    case 'given':
      return givenEngine(options)
  }
}

async function takesWrites(
  member: EnsembleMember,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (;;) {
    signal?.throwIfAborted()
    await member.throwIfExited()
    try {
      const left = Math.max(1, deadline - systemClock.now())
      return await proveWrites(member.host, member.clientPort, Math.min(PROOF_MS, left))
    } catch (error) {
      if (systemClock.now() < deadline) {
        await sleep(systemClock, POLL_MS, signal)
        continue
      }
      const said = `server ${member.id} (${member.connectString}) takes no writes: ${reasonOf(error)}`
      throw environmentError(`${said}\n${await member.logTail()}`, error)
    }
  }
}
