/**
 * Transactions: operations collected, checked as they are added, and committed as one (opcode multi). The server
 * applies all of them, in order, or none.
 */
import type { Acl } from '../api/acl.js'
import { TransactionError, ZkError } from '../api/errors.js'
import type {
  CallOptions,
  CheckResult,
  CreateResult,
  CreateSpec,
  Data,
  DeleteResult,
  SetResult,
  Transaction,
  TransactionResult,
  VersionSpec,
} from '../api/zk.js'
import { createFlags } from '../protocol/constants.js'
import type { MultiOperation, MultiResult } from '../protocol/multi.js'
import { errorOfResult, OK, ResultCode } from '../protocol/result-codes.js'
import { hasTtl, isSequential, toAcl, toBytes, toMode, toVersion } from './arguments.js'
import type { Chroot } from './chroot.js'

/** As much of a client as a transaction needs. */
export interface TransactionHost {
  readonly chroot: Chroot
  readonly defaultAcl: readonly Acl[]
  multi(
    operations: readonly MultiOperation[],
    options: CallOptions | undefined,
  ): Promise<readonly MultiResult[]>
}

export class ClientTransaction<R extends readonly TransactionResult[]> implements Transaction<R> {
  readonly #host: TransactionHost
  readonly #operations: MultiOperation[] = []
  #committed = false

  constructor(host: TransactionHost) {
    this.#host = host
  }

  create(path: string, data?: Data, spec: CreateSpec = {}): Transaction<readonly [...R, CreateResult]> {
    const mode = toMode(spec)
    const full = this.#host.chroot.toServer(path, isSequential(mode))
    const acl = toAcl(spec.acl ?? this.#host.defaultAcl)
    const request = { path: full, data: copyOf(data), acl, flags: createFlags[mode] }
    if (hasTtl(mode)) return this.#add({ op: 'createTTL', ...request, ttlMs: BigInt(spec.ttlMs ?? 0) })
    // create2 would answer with a stat, but servers before 3.7.2 and 3.8.4 answer it wrongly (ZOOKEEPER-4026).
    return this.#add({ op: mode === 'container' ? 'createContainer' : 'create', ...request })
  }

  delete(path: string, spec: VersionSpec = {}): Transaction<readonly [...R, DeleteResult]> {
    return this.#add({
      op: 'delete',
      path: this.#host.chroot.toServer(path),
      version: toVersion(spec.version),
    })
  }

  set(path: string, data: Data, spec: VersionSpec = {}): Transaction<readonly [...R, SetResult]> {
    const full = this.#host.chroot.toServer(path)
    return this.#add({ op: 'setData', path: full, data: copyOf(data), version: toVersion(spec.version) })
  }

  check(path: string, spec: VersionSpec = {}): Transaction<readonly [...R, CheckResult]> {
    return this.#add({
      op: 'check',
      path: this.#host.chroot.toServer(path),
      version: toVersion(spec.version),
    })
  }

  async commit(options?: CallOptions): Promise<R> {
    if (this.#committed) throw new TypeError('this transaction was committed before: make a new one')
    this.#committed = true
    if (this.#operations.length === 0) return [] as unknown as R
    const results = await this.#host.multi(this.#operations, options)
    return this.#read(results) as unknown as R
  }

  #add<T extends TransactionResult>(operation: MultiOperation): Transaction<readonly [...R, T]> {
    if (this.#committed) throw new TypeError('this transaction was committed before: make a new one')
    this.#operations.push(operation)
    return this as unknown as Transaction<readonly [...R, T]>
  }

  #read(results: readonly MultiResult[]): TransactionResult[] {
    // The one that failed has a cause; those before it carry 0 and those behind it RUNTIME_INCONSISTENCY.
    const failed = results.findIndex(
      (result) =>
        result.op === 'error' && result.err !== OK && result.err !== ResultCode.RUNTIME_INCONSISTENCY,
    )
    const failure = results[failed]
    if (failure?.op === 'error') throw this.#failure(failed, failure.err)
    if (results.length !== this.#operations.length || results.some((result) => result.op === 'error')) {
      throw new ZkError(
        'RUNTIME_INCONSISTENCY',
        'the server refused the transaction without saying which operation failed',
      )
    }
    return results.map((result) => this.#result(result))
  }

  #failure(index: number, err: number): TransactionError {
    const operation = this.#operations[index]
    const path = operation === undefined ? undefined : this.#host.chroot.toClient(operation.path)
    const what = operation?.op === 'setData' ? 'set' : (operation?.op ?? 'operation')
    const failure = errorOfResult(err, what, path)
    return new TransactionError(
      `transaction refused, nothing was applied: operation ${index}, ${failure.message}`,
      index,
      failure,
    )
  }

  #result(result: MultiResult): TransactionResult {
    switch (result.op) {
      case 'create':
        return { type: 'create', path: this.#host.chroot.toClient(result.path) }
      case 'create2':
      case 'createContainer':
      case 'createTTL':
        return { type: 'create', path: this.#host.chroot.toClient(result.path), stat: result.stat }
      case 'delete':
        return { type: 'delete' }
      case 'setData':
        return { type: 'set', stat: result.stat }
      case 'check':
        return { type: 'check' }
      default:
        throw new ZkError('PROTOCOL_ERROR', `the server answered a transaction with a ${result.op}`, {
          outcome: 'unknown',
        })
    }
  }
}

/** The bytes as they are now: a transaction may be committed long after. */
function copyOf(data: Data | undefined): Uint8Array | null {
  const bytes = toBytes(data)
  return bytes === null ? null : Buffer.from(bytes)
}
