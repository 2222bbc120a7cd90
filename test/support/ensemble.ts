/** The servers of this run, for a test file: see `ensemble-setup.ts` for how they are chosen. */
import { inject } from 'vitest'
import type { RunServers } from './ensemble-setup.js'

export const servers: RunServers = inject('servers')
