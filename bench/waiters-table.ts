/** What a hand-over costs as the waiters grow, as Markdown. */
import { markdownTable } from './markdown.js'
import type { Count } from './records.js'
import { round } from './table.js'

const TITLES = [
  'what',
  'waiters:',
  'hand-overs:',
  'wake-ups per release:',
  'requests per hand-over:',
  'requests to queue up:',
  'bytes per hand-over:',
  'bytes to queue up:',
  'p50 µs:',
  'p99 µs:',
]

const count = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(2))
const whole = (value: number | undefined): string => (value === undefined ? '' : round(value))

export function waitersText(counts: readonly Count[]): string {
  const rows = counts.map((each) => [
    each.what,
    String(each.waiters),
    String(each.handOvers),
    count(each.wakeUps),
    count(each.requestsPerHandOver),
    count(each.requestsPerEnqueue),
    whole(each.bytesPerHandOver),
    whole(each.bytesPerEnqueue),
    whole(each.p50Us),
    whole(each.p99Us),
  ])
  return markdownTable(TITLES, rows)
}
