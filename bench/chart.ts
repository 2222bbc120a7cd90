/** What a plot shows: a bar for each subject, its median, with a dot for each round. */
import type { Run } from './records.js'
import type { BenchName } from './scenarios.js'
import { scenarios } from './scenarios.js'
import { weighings } from './weighings.js'

export interface Chart {
  readonly title: string
  /** Of the axis. */
  readonly unit: string
  readonly bars: readonly { readonly subject: string; readonly values: readonly number[] }[]
}

/** Of those scenarios of the run that are asked for. */
export function chartsOf(run: Run, names: readonly string[]): Chart[] {
  const all = Object.keys(scenarios).flatMap((bench) => scenarios[bench as BenchName])
  const measured = all.map(({ name, title, shows = 'rate' }) =>
    chart(
      title,
      shows === 'rate' ? 'operations a second' : 'milliseconds (p50)',
      run.samples
        .filter(({ scenario }) => scenario === name && names.includes(name))
        .map(({ subject, opsPerSecond, p50Us }) => [subject, shows === 'rate' ? opsPerSecond : p50Us / 1e3]),
    ),
  )
  const weighed = weighings.map(({ name, title, per }) =>
    chart(
      title,
      `MiB per ${per.toLocaleString('en')}`,
      run.weights
        .filter(({ scenario }) => scenario === name && names.includes(name))
        .map(({ subject, bytes, count }) => [subject, (bytes / count / 2 ** 20) * per]),
    ),
  )
  return [...measured, ...weighed].filter(({ bars }) => bars.length > 0)
}

function chart(title: string, unit: string, values: readonly (readonly [string, number])[]): Chart {
  const subjects = [...new Set(values.map(([subject]) => subject))]
  const bars = subjects.map((subject) => ({
    subject,
    values: values.filter(([name]) => name === subject).map(([, value]) => value),
  }))
  return { title, unit, bars }
}
