import { expect, test } from 'vitest'
import { audit } from '../../examples/demo/lock/audit.js'
import { auditRuns } from '../../examples/demo/cron/audit.js'
import type { RunEntry } from '../../examples/demo/cron/task.js'
import { auditJobs } from '../../examples/demo/jobs/audit.js'
import type { JobEntry } from '../../examples/demo/jobs/jobs.js'
import type { Entry } from '../../examples/demo/lock/counter.js'

/** A turn of `worker` with a token that counts up, at 10 ms each. */
function turn(worker: number, fence: number, from: number, atUs = fence * 10_000): [Entry, Entry] {
  return [
    { kind: 'begin', worker, fence: String(fence), from, atUs },
    { kind: 'end', worker, fence: String(fence), to: from + 1, atUs: atUs + 9_000 },
  ]
}

const cutShort = (worker: number, fence: number, from: number): Entry => turn(worker, fence, from)[0]

test('turns one after the other are right', () => {
  const findings = audit([...turn(1, 5, 0), ...turn(2, 6, 1), ...turn(1, 7, 2)], 3)
  expect(findings.problems).toEqual([])
  expect(findings.turns).toHaveLength(3)
  expect(findings.handOversMs).toEqual([1, 1])
})

test('a turn that the kill cut off before its write counts for nothing', () => {
  const { problems, cutOff, handOversMs } = audit(
    [...turn(1, 5, 0), cutShort(2, 6, 1), ...turn(3, 7, 1)],
    2,
    2,
  )
  expect(problems).toEqual([])
  expect(cutOff?.written).toBe(false)
  expect(handOversMs).toEqual([1])
})

test('a turn that the kill cut off after its write counts', () => {
  const { problems, cutOff } = audit([...turn(1, 5, 0), cutShort(2, 6, 1), ...turn(3, 7, 2)], 3, 2)
  expect(problems).toEqual([])
  expect(cutOff?.written).toBe(true)
})

test('a kill between the end of a turn and its release cuts nothing off, and is no ordinary hand-over', () => {
  const { problems, cutOff, handOversMs } = audit([...turn(2, 5, 0), ...turn(3, 900, 1)], 2, 2)
  expect(problems).toEqual([])
  expect(cutOff).toBeUndefined()
  expect(handOversMs).toEqual([])
})

test.each<[string, readonly Entry[], number, number | undefined]>([
  ['an increment is lost', [...turn(1, 5, 0), ...turn(2, 6, 0)], 1, undefined],
  ['the counter has been changed at the end', turn(1, 5, 0), 2, undefined],
  [
    'two turns overlap',
    [cutShort(1, 5, 0), cutShort(2, 6, 0), turn(1, 5, 0)[1], turn(2, 6, 0)[1]],
    1,
    undefined,
  ],
  ['a token comes twice', [...turn(1, 5, 0), ...turn(2, 5, 1)], 2, undefined],
  ['a token goes back', [...turn(1, 6, 0), ...turn(2, 5, 1)], 2, undefined],
  ['a worker that was not killed left a turn open', [cutShort(1, 5, 0), ...turn(2, 6, 0)], 1, 2],
  ['the killed worker left two turns open', [cutShort(2, 5, 0), cutShort(2, 6, 0), ...turn(1, 7, 0)], 1, 2],
  [
    'the write of the killed worker came after the next turn began',
    [cutShort(2, 5, 0), ...turn(1, 6, 0)],
    2,
    2,
  ],
  ['the first turn did not find 0', turn(1, 5, 3), 4, undefined],
])('it finds out when %s', (_, journal, counter, killed) => {
  expect(audit(journal, counter, killed).problems).not.toEqual([])
})

const did = (kind: JobEntry['kind'], worker: number, job: number, attempt = 1): JobEntry => ({
  kind,
  worker,
  job,
  attempt,
})
const job = (worker: number, number: number): JobEntry[] => [
  did('begun', worker, number),
  did('done', worker, number),
]

test('jobs that the kill cut off are done again by others, and nothing else is', () => {
  const journal = [
    ...job(1, 1),
    did('begun', 2, 2),
    ...job(1, 3),
    did('begun', 3, 2, 2),
    did('done', 3, 2, 2),
  ]
  expect(auditJobs(journal, 3, 2)).toEqual({ done: 3, duplicates: 0, returned: [2], problems: [] })
})

test('a job that was done when its worker was killed before the acknowledgement is a counted duplicate', () => {
  expect(auditJobs([...job(2, 1), ...job(3, 1)], 1, 2)).toMatchObject({
    done: 1,
    duplicates: 1,
    problems: [],
  })
})

test.each<[string, readonly JobEntry[], number]>([
  ['a job is lost', [...job(1, 1), did('begun', 2, 2)], 2],
  ['a job is done twice though nobody was killed over it', [...job(1, 1), ...job(3, 1)], 1],
  ['a job is done three times', [...job(2, 1), ...job(1, 1), ...job(3, 1)], 1],
])('a queue is found wrong: %s', (_, journal, total) => {
  expect(auditJobs(journal, total, 2).problems).not.toEqual([])
})

const ran = (worker: number, second: number, fence = worker): RunEntry => ({
  worker,
  dueMs: 1_000 * second,
  fence: String(fence),
})

test('a task that moves once, and misses what was due in between, is right', () => {
  expect(auditRuns([ran(4, 10), ran(4, 11), ran(5, 14), ran(5, 15)])).toEqual({
    runs: 4,
    leaders: [4, 5],
    skipped: 2,
    problems: [],
  })
})

test.each<[string, readonly RunEntry[]]>([
  ['a due time ran twice', [ran(4, 10), ran(5, 10)]],
  ['the old leader runs again', [ran(4, 10), ran(5, 11), ran(4, 12, 6)]],
  ['a run is under an older token', [ran(4, 10), ran(5, 11, 3)]],
  ['a run is for a time before the last one', [ran(4, 10), ran(5, 9)]],
])('the cron runs are found wrong: %s', (_, journal) => {
  expect(auditRuns(journal).problems).not.toEqual([])
})
