/** The servers of this run, for a test file: see `ensemble-setup.ts` for how they are chosen. */
import { inject } from 'vitest'
import type { RunServers } from './ensemble-setup.js'

export const servers: RunServers = inject('servers')

/** Whether the servers are of this version or newer. */
export function atLeast(version: string): boolean {
  return servers.version.localeCompare(version, 'en', { numeric: true }) >= 0
}
