/**
 * `latchkey/testing`: ZooKeeper servers for tests: the embedded one, and real ones that can be stopped, killed,
 * paused and restarted one by one; and a whole cluster simulated by seed.
 */
export type { EngineName, EnsembleTls, TestEnsembleOptions } from './ensemble-options.js'
export type { EngineReport } from './find-engines.js'
export { findEngines } from './find-engines.js'
export type { ServerRole } from './four-letter-word.js'
export { FaultProxy } from './fault-proxy.js'
export type { FaultProxyOptions, FaultProxyStats, LinkDirections, ProxyTarget } from './fault-proxy.js'
export type { LinkDirection } from './proxied-connection.js'
export type { Injection, InjectedFault, InjectOptions } from './injection.js'
export type { ProxiedOperation, ProxiedRequest, RequestMatch } from './proxied-request.js'
export type { LinkShape } from './proxy-lane.js'
export { ProxiedEnsemble } from './proxied-ensemble.js'
export { EnsembleMember } from './ensemble-member.js'
export type { MemberState } from './ensemble-member.js'
export type { QuorumOptions } from './test-ensemble.js'
export { TestEnsemble } from './test-ensemble.js'
export { TestServer } from './test-server.js'
export { SimulatedCluster } from './simulation/simulated-cluster.js'
export type { Leftovers, SimulationOptions } from './simulation/simulated-cluster.js'
export type { SimulatedProcess, RecordedOperation } from './simulation/simulated-process.js'
export type { Program } from './simulation/machine.js'
export { DEFAULT_MIX, describeFault, FRONT, planFaults } from './simulation/faults.js'
export type {
  FaultKind,
  FaultMix,
  FaultPlanOptions,
  ProcessFault,
  SimulatedFault,
} from './simulation/faults.js'
export type { FaultEvent, History, ProcessEvent, ServerEvent, SimulationEvent } from './simulation/history.js'
export type { Direction, Latency } from './simulation/link.js'
