/** Acquisitions a second over the run, with the faults under them: SVG by Vega. */
import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { TortureReport } from './run.js'

function specification({ events }: TortureReport): TopLevelSpec {
  const start = events[0]?.t ?? 0
  const second = (t: number): number => Math.floor((t - start) / 1e6)
  const counts = new Map<string, number>()
  for (const event of events)
    if (event.e === 'grant') {
      const key = `${second(event.t)} ${event.r}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  const grants = [...counts].map(([key, count]) => {
    const [at, recipe] = key.split(' ')
    return { second: Number(at), recipe, count }
  })
  const faults = events.flatMap((event) =>
    event.e === 'fault' && event.track !== 'network'
      ? [
          {
            from: (event.t - start) / 1e6,
            to: (event.to - start) / 1e6,
            kind: event.kind,
            track: event.track,
          },
        ]
      : [],
  )
  const x = { type: 'quantitative' as const, title: 'seconds' }
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    vconcat: [
      {
        width: 1_000,
        height: 240,
        data: { values: grants },
        mark: { type: 'area', interpolate: 'step' },
        encoding: {
          x: { field: 'second', ...x },
          y: { field: 'count', type: 'quantitative', stack: 'zero', title: 'acquisitions a second' },
          color: { field: 'recipe', type: 'nominal' },
        },
      },
      {
        width: 1_000,
        data: { values: faults },
        mark: { type: 'bar', minBandSize: 8 },
        encoding: {
          x: { field: 'from', ...x },
          x2: { field: 'to' },
          y: { field: 'kind', type: 'nominal', title: null },
          color: { field: 'track', type: 'nominal' },
        },
      },
    ],
    resolve: { scale: { x: 'shared', color: 'independent' } },
  }
}

export async function plotOf(report: TortureReport): Promise<string> {
  const { spec } = compile(specification(report))
  return new View(parse(spec), { renderer: 'none' }).toSVG()
}
