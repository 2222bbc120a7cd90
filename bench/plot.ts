/** Charts one below the other: SVG by Vega. */
import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Chart } from './chart.js'
import { median } from './statistics.js'

const OURS = '#1b6ca8'
const LIMIT = '#9a9a9a'
const PEER = '#d98c3f'

const colour = (subject: string): string => {
  if (subject.startsWith('latchkey')) return OURS
  return subject === 'lean-probe' ? LIMIT : PEER
}

function specification(charts: readonly Chart[]): TopLevelSpec {
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    vconcat: charts.map(({ title, unit, bars }) => {
      const y = {
        field: 'subject',
        type: 'nominal' as const,
        title: null,
        sort: bars.map(({ subject }) => subject),
        axis: { minExtent: 220, maxExtent: 220, labelLimit: 215 },
      }
      const x = { field: 'value', type: 'quantitative' as const, title: unit }
      return {
        title: { text: title, anchor: 'start' as const },
        width: 560,
        height: { step: 20 },
        layer: [
          {
            data: {
              values: bars.map(({ subject, values }) => ({
                subject,
                value: median(values),
                colour: colour(subject),
              })),
            },
            mark: { type: 'bar' as const, height: 12 },
            encoding: { x, y, color: { field: 'colour', type: 'nominal' as const, scale: null } },
          },
          {
            data: {
              values: bars.flatMap(({ subject, values }) => values.map((value) => ({ subject, value }))),
            },
            mark: { type: 'point' as const, size: 18, color: 'black', opacity: 0.6 },
            encoding: { x, y },
          },
        ],
      }
    }),
  }
}

export async function plotOf(charts: readonly Chart[]): Promise<string> {
  const { spec } = compile(specification(charts))
  return `${await new View(parse(spec), { renderer: 'none' }).toSVG()}\n`
}
