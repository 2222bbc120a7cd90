/** What sessions and watches weigh, as Markdown. */
import { markdownTable } from './markdown.js'
import type { Weight } from './records.js'
import type { Weighing } from './weighings.js'
import { median, spread } from './statistics.js'

export function weightsText(weighing: Weighing, weights: readonly Weight[]): string {
  const mine = weights.filter(({ scenario }) => scenario === weighing.name)
  const names = [...new Set(mine.map(({ subject }) => subject))]
  const rows = names.map((name) => {
    const each = mine.filter(({ subject }) => subject === name).map(({ bytes, count }) => bytes / count)
    const kib = median(each) / 1024
    const all = (kib * weighing.per) / 1024
    return [name, kib.toFixed(1), all.toFixed(1), `${(spread(each) * 100).toFixed(0)}%`]
  })
  const titles = ['subject', 'KiB each:', `MiB per ${weighing.per.toLocaleString('en')}:`, 'spread:']
  return `#### ${weighing.title}\n\n${markdownTable(titles, rows)}`
}
