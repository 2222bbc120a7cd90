/**
 * What is written of a job: `{"cursor", "pattern", "timezone", "runs": […]}`, JSON in UTF-8. The cursor is the newest due
 * time that was ever started: it only grows, and no due time up to it is started (again). The runs are the newest first.
 */
import { ZkError } from '../../src/api/errors.js'

export type RunOutcome =
  | 'running'
  | 'done'
  /** The task threw. */
  | 'failed'
  /** It began under a leadership that ended before its end was written: whether it did its work is not known. */
  | 'abandoned'

export interface RunRecord {
  readonly id: string
  /** Milliseconds since the epoch, as all times here. */
  readonly due: number
  readonly startedAt: number
  /** Who ran it. */
  readonly by: string
  /** Of the leadership that it began under, in decimal. */
  readonly fencingToken: string
  readonly outcome: RunOutcome
  readonly endedAt?: number | undefined
  readonly error?: string | undefined
}

export interface JobRecord {
  readonly cursor: number
  readonly pattern: string
  readonly timezone: string
  readonly runs: readonly RunRecord[]
}

const LONGEST_ERROR = 500

/** What an error leaves in the history. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.length > LONGEST_ERROR ? `${text.slice(0, LONGEST_ERROR)}…` : text
}

export function formatRecord(record: JobRecord): string {
  return JSON.stringify(record)
}

/** @throws ZkError (`DATA_INCONSISTENCY`) for what is no record: then nothing is known of what was started, and nothing may be. */
export function parseRecord(data: Buffer, path: string): JobRecord {
  let value: unknown
  try {
    value = JSON.parse(data.toString())
  } catch (cause) {
    throw noRecord(path, cause)
  }
  if (!isRecord(value)) throw noRecord(path)
  return value
}

export function noRecord(path: string, cause?: unknown): ZkError {
  return new ZkError('DATA_INCONSISTENCY', `${path} holds no record of a job`, { path, cause })
}

function isRecord(value: unknown): value is JobRecord {
  const { cursor, pattern, timezone, runs } = (value ?? {}) as Partial<Record<keyof JobRecord, unknown>>
  const texts = [pattern, timezone]
  return (
    Number.isFinite(cursor) &&
    texts.every((text) => typeof text === 'string') &&
    Array.isArray(runs) &&
    runs.every(isRun)
  )
}

function isRun(value: unknown): boolean {
  const run = (value ?? {}) as Partial<Record<keyof RunRecord, unknown>>
  const { id, by, outcome, due, startedAt, endedAt = 0, fencingToken } = run
  return (
    [id, by, outcome].every((text) => typeof text === 'string') &&
    [due, startedAt, endedAt].every(Number.isFinite) &&
    typeof fencingToken === 'string' &&
    /^-?\d+$/.test(fencingToken)
  )
}
