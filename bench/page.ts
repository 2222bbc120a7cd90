/**
 * docs/benchmarks.md, as far as it is made: what stands between `<!-- made: NAME -->` and `<!-- end: NAME -->` is
 * replaced by what the raw results give. The rest is written by hand. The same results give the same page.
 */
import { format } from 'prettier'
import { chartsOf } from './chart.js'
import { chooseRuns, REQUESTS, WAITERS, type Chosen } from './choose.js'
import { costsText } from './costs-table.js'
import type { History } from './history.js'
import { lossesIn, lossesText } from './losses.js'
import { plotOf } from './plot.js'
import { scenarios, type BenchName } from './scenarios.js'
import { headerText, scenarioText } from './table.js'
import { unmeasured, verdictsOn, verdictsText } from './targets.js'
import { waitersText } from './waiters-table.js'
import { weighings } from './weighings.js'
import { weightsText } from './weights-table.js'

export interface Page {
  readonly markdown: string
  /** By file name, in the folder of that name beside the page. */
  readonly plots: ReadonlyMap<string, string>
}

const MADE = /<!-- made: (\S+) -->\n[^]*?<!-- end: \1 -->/g

/** Throws if the page has no place for a bench that has results, or none of the results has a place. */
export async function makePage(current: string, history: History): Promise<Page> {
  const plots = new Map<string, string>()
  const parts = new Map<string, string>()
  const all = [...history].map(([bench, runs]) => [bench, chooseRuns(runs)] as const)
  parts.set('targets', targetsPart(all))
  parts.set('losses', lossesPart(all))
  for (const [bench, chosen] of all) {
    for (const [index, each] of chosen.entries()) {
      const charts = chartsOf(each.run, each.names)
      if (charts.length > 0) plots.set(plotName(bench, index), await plotOf(charts))
    }
    parts.set(bench, benchPart(bench, chosen, plots))
  }
  const placed = new Set<string>()
  const markdown = current.replace(MADE, (_, name: string) => {
    placed.add(name)
    return `<!-- made: ${name} -->\n\n${parts.get(name) ?? 'No run of this is kept yet.'}\n\n<!-- end: ${name} -->`
  })
  const lost = [...parts.keys()].filter((name) => !placed.has(name))
  if (lost.length > 0) throw new Error(`docs/benchmarks.md has no place for ${lost.join(', ')}`)
  const style = { parser: 'markdown', semi: false, singleQuote: true, printWidth: 110 } as const
  return { markdown: await format(markdown, style), plots }
}

const plotName = (bench: string, index: number): string => `${bench}${index === 0 ? '' : `-${index + 1}`}.svg`

type ByBench = readonly (readonly [string, readonly Chosen[]])[]

function targetsPart(all: ByBench): string {
  const verdicts = all.flatMap(([, chosen]) =>
    chosen.flatMap(({ run, names }) =>
      verdictsOn(run.samples).filter(({ scenario }) => names.includes(scenario)),
    ),
  )
  const met = verdicts.filter((verdict) => verdict.met).length
  const lacking = unmeasured(verdicts)
  return [
    `${met} of ${verdicts.length} are met.`,
    verdictsText(verdicts),
    ...(lacking.length === 0 ? [] : [`Promised and in none of the runs: ${lacking.join('; ')}.`]),
  ].join('\n\n')
}

function lossesPart(all: ByBench): string {
  return lossesText(all.flatMap(([, chosen]) => chosen.flatMap(({ run, names }) => lossesIn(run, names))))
}

function benchPart(bench: string, chosen: readonly Chosen[], plots: ReadonlyMap<string, string>): string {
  const parts = chosen.flatMap(({ run, names }, index) => {
    const plot = plotName(bench, index)
    const measured = bench in scenarios ? scenarios[bench as BenchName] : []
    return [
      headerText(run.header),
      ...(plots.has(plot) ? [`![${bench}](benchmarks/${plot})`] : []),
      ...measured.filter(({ name }) => names.includes(name)).map((each) => scenarioText(each, run)),
      ...weighings.filter(({ name }) => names.includes(name)).map((each) => weightsText(each, run.weights)),
      ...(names.includes(WAITERS) ? [`#### As the waiters grow\n\n${waitersText(run.counts)}`] : []),
      ...(names.includes(REQUESTS) ? [costsText(run.costs ?? [])] : []),
    ]
  })
  return parts.length === 0 ? 'No run of this is kept yet.' : parts.join('\n\n')
}
