/** Requests per operation of each recipe, as Markdown. */
import type { Cost } from './records.js'

export function costsText(costs: readonly Cost[]): string {
  return [
    '| recipe | operation | requests |',
    '| --- | --- | ---: |',
    ...costs.map(
      ({ recipe, operation, requests }) => `| ${recipe} | ${operation} | ${requests.toFixed(2)} |`,
    ),
  ].join('\n')
}
