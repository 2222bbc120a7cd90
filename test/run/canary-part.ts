/** The canaries as a part of the test command: each counts one, and so does each complaint without one. */
import { runCanaries } from '../canaries/run-canaries.js'
import type { Part } from './part.js'

export function canaryPart(): Part {
  return {
    name: 'canaries (old mistakes put back)',
    group: 'canaries',
    run: async () => {
      const { findings, problems } = await runCanaries()
      const bySimulation = findings.filter(({ layer }) => layer === 'simulation').length
      const caught = findings.filter(({ layer }) => layer !== undefined).length
      const notes = [`${caught} of ${findings.length} caught, ${bySimulation} of them by the simulation`]
      return { passed: caught, failed: problems.length, skipped: 0, output: problems.join('\n'), notes }
    },
  }
}
