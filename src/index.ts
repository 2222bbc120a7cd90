/** latchkey: distributed coordination on Apache ZooKeeper. Everything public, by name. */
export { connect } from './client/connect.js'
export type { Client } from './client/client.js'
export type { Reconfiguration } from './client/reconfiguration.js'
export type { DeleteTreeOptions } from './client/delete-tree.js'
export type { Auth, ConnectOptions, SessionCredentials } from './client/options.js'
export type { TlsOptions } from './transport/tls.js'
export type { SaslCredential } from './session/authentication.js'

export type {
  CallOptions,
  Capability,
  CheckResult,
  Children,
  Created,
  CreateMode,
  CreateResult,
  CreateSpec,
  Data,
  DeleteResult,
  Logger,
  MultiReadRequest,
  MultiReadResult,
  NodeData,
  Session,
  SessionState,
  SetResult,
  Transaction,
  TransactionResult,
  VersionSpec,
  Watch,
  WatchEvent,
  WatchEventType,
  WatchListener,
  WatchSpec,
  Zk,
} from './api/zk.js'
export type { Stat } from './api/stat.js'
export { CONTAINER_OWNER } from './api/stat.js'
export type { Acl } from './api/acl.js'
export { CREATOR_ACL, digestAcl, digestId, OPEN_ACL, Perms, READ_ACL } from './api/acl.js'
export { joinPath, nameOf, parentOf, validatePath } from './api/path.js'
export type { ErrorCode, LostReason, Outcome, ZkErrorOptions } from './api/errors.js'
export {
  AuthFailedError,
  BadVersionError,
  ClosedError,
  ConnectionLossError,
  DeadlockError,
  hasCode,
  LockLostError,
  NoAuthError,
  NodeExistsError,
  NoNodeError,
  NotEmptyError,
  ProtocolError,
  SessionExpiredError,
  TimeoutError,
  TransactionError,
  UnsupportedError,
  ZkError,
} from './api/errors.js'
export type { Clock, Timer } from './runtime/clock.js'
export type { Random } from './runtime/random.js'
export type { Runtime } from './runtime/runtime.js'

export { Mutex } from '../recipes/mutex/mutex.js'
export type { LossPolicy } from '../recipes/kernel/loss-policy.js'
export type { Asked, Broken, Claim } from '../recipes/kernel/revocation.js'
export type { RevokeListener } from '../recipes/kernel/revoke-requests.js'
export type { MutexContender, MutexOptions } from '../recipes/mutex/mutex.js'
export type { Hold } from '../recipes/kernel/hold.js'
export type { WaitOptions } from '../recipes/kernel/attempt.js'
export { dialects } from '../recipes/kernel/dialect.js'
export type { Dialect, DialectName } from '../recipes/kernel/dialect.js'
export { ReadWriteLock } from '../recipes/read-write-lock/read-write-lock.js'
export type { ReadWriteLockOptions } from '../recipes/read-write-lock/read-write-lock.js'
export type { ReadLock } from '../recipes/read-write-lock/read-lock.js'
export type { WriteLock } from '../recipes/read-write-lock/write-lock.js'
export type { WriteHold } from '../recipes/read-write-lock/write-hold.js'
export type { ReadWriteContender } from '../recipes/read-write-lock/read-write-contender.js'
export type { ReadWriteDialectName } from '../recipes/read-write-lock/read-write-dialect.js'
export { MultiLock } from '../recipes/multi-lock.js'
export type { Lock, LockContender, MultiHold, MultiLockOptions } from '../recipes/multi-lock.js'
export type { QueueMember } from '../recipes/kernel/members.js'
export { Semaphore } from '../recipes/semaphore/semaphore.js'
export type {
  SemaphoreDialectName,
  SemaphoreOptions,
  SemaphoreRunOptions,
} from '../recipes/semaphore/semaphore.js'
export type { Lease } from '../recipes/semaphore/lease.js'
export type { SemaphoreContender } from '../recipes/semaphore/pool.js'
export type { SharedPermits } from '../recipes/semaphore/permit-limit.js'

export { Counter } from '../recipes/values/counter.js'
export type { Block, CounterNumber, CounterOptions, NumberOf } from '../recipes/values/counter.js'
export { RateLimiter } from '../recipes/values/rate-limiter.js'
export type { RateLimiterOptions } from '../recipes/values/rate-limiter.js'
export { numberFormats } from '../recipes/values/number-format.js'
export type { NumberFormat, NumberFormatName } from '../recipes/values/number-format.js'
export { Queue } from '../recipes/queue/queue.js'
export type { QueueDialectName, QueueOptions } from '../recipes/queue/queue.js'
export { PriorityQueue } from '../recipes/queue/priority-queue.js'
export type { PriorityOptions, PriorityQueueOptions } from '../recipes/queue/priority-queue.js'
export { DelayQueue } from '../recipes/queue/delay-queue.js'
export type { DelayOptions, DelayQueueOptions } from '../recipes/queue/delay-queue.js'
export { IdQueue } from '../recipes/queue/id-queue.js'
export type { IdQueueOptions } from '../recipes/queue/id-queue.js'
export type { ClaimInfo, Peeked, WorkQueue, WorkQueueOptions } from '../recipes/queue/work-queue.js'
export type { AckOptions, Delivery, NackOptions } from '../recipes/queue/delivery.js'
export type { DeadLetter, DeadLetters } from '../recipes/queue/dead-letters.js'
export { bytesCodec, jsonCodec } from '../recipes/kernel/codec.js'
export type { ItemCodec } from '../recipes/kernel/codec.js'
export { Worker } from '../recipes/worker/worker.js'
export type { Job, WorkerEvents, WorkerOptions, WorkerState } from '../recipes/worker/worker.js'
export type { BackoffOptions } from '../recipes/worker/backoff.js'
export { LeaderLatch } from '../recipes/leadership/leader-latch.js'
export type {
  LatchCloseOptions,
  LatchParticipant,
  LatchState,
  LeaderLatchOptions,
} from '../recipes/leadership/leader-latch.js'
export type { Leadership } from '../recipes/leadership/leadership.js'
export type { Leader } from '../recipes/leadership/leader.js'
export { LeaderElection } from '../recipes/leadership/leader-election.js'
export type {
  CampaignOptions,
  Candidate,
  ElectionState,
  LeaderElectionOptions,
  LeadOptions,
} from '../recipes/leadership/leader-election.js'
export type { Term } from '../recipes/leadership/term.js'

export { DoubleBarrier } from '../recipes/double-barrier/double-barrier.js'
export type {
  DoubleBarrierDialectName,
  DoubleBarrierOptions,
} from '../recipes/double-barrier/double-barrier.js'
export type { BarrierPass } from '../recipes/double-barrier/barrier-pass.js'
export { Barrier } from '../recipes/barrier.js'
export type { BarrierOptions } from '../recipes/barrier.js'
export { CountDownLatch } from '../recipes/count-down-latch.js'
export type { CountDownLatchOptions, CountDownOptions } from '../recipes/count-down-latch.js'
export { AtomicValue } from '../recipes/values/atomic-value.js'
export type { AtomicValueOptions } from '../recipes/values/atomic-value.js'
export { SharedValue } from '../recipes/values/shared-value.js'
export type { SharedValueOptions, Versioned } from '../recipes/values/shared-value.js'
export { IdGenerator } from '../recipes/values/id-generator.js'
export type { IdGeneratorOptions } from '../recipes/values/id-generator.js'
export { LeaderCron } from '../recipes/leader-cron/leader-cron.js'
export type {
  CronCloseOptions,
  CronJobInfo,
  CronRunInfo,
  CronScheduleOptions,
  LeaderCronOptions,
} from '../recipes/leader-cron/leader-cron.js'
export type { CronRun, CronTask, MisfirePolicy, OverlapPolicy } from '../recipes/leader-cron/cron-job.js'
export type { RunOutcome } from '../recipes/leader-cron/job-record.js'
