/**
 * `latchkey/testing`: ZooKeeper servers for tests: the embedded one, and real ones that can be stopped, killed,
 * paused and restarted one by one.
 */
export type { EngineName, EnsembleTls, TestEnsembleOptions } from './ensemble-options.js'
export type { EngineReport } from './find-engines.js'
export { findEngines } from './find-engines.js'
export type { ServerRole } from './four-letter-word.js'
export { EnsembleMember } from './ensemble-member.js'
export type { MemberState } from './ensemble-member.js'
export type { QuorumOptions } from './test-ensemble.js'
export { TestEnsemble } from './test-ensemble.js'
export { TestServer } from './test-server.js'
