/** Which subjects take part in a bench, and which of those can't be run here. */
import type { BenchOptions } from './options.js'
import type { BenchName } from './scenarios.js'
import { subjects } from './subjects/index.js'
import type { Launch, Subject } from './subjects/subject.js'

export interface Launches {
  readonly able: readonly { readonly subject: Subject; readonly launch: Launch }[]
  /** For the header. */
  readonly versions: Record<string, string>
  /** Those that can't be run, with the reason. */
  readonly missing: Record<string, string>
}

export async function launchesFor(
  bench: BenchName,
  options: Pick<BenchOptions, 'subjects'>,
): Promise<Launches> {
  const able: { subject: Subject; launch: Launch }[] = []
  const versions: Record<string, string> = {}
  const missing: Record<string, string> = {}
  for (const subject of subjects) {
    if (!subject.benches.includes(bench) || options.subjects?.includes(subject.name) === false) continue
    const launch = await subject.launch(bench)
    if ('missing' in launch) missing[subject.name] = launch.missing
    else {
      versions[subject.name] = launch.version
      able.push({ subject, launch })
    }
  }
  return { able, versions, missing }
}
