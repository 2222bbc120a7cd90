/** Requests per operation of each recipe, as Markdown. */
import { markdownTable } from './markdown.js'
import type { Cost } from './records.js'

export function costsText(costs: readonly Cost[]): string {
  return markdownTable(
    ['recipe', 'operation', 'requests:'],
    costs.map(({ recipe, operation, requests }) => [recipe, operation, requests.toFixed(2)]),
  )
}
