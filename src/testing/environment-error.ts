/** What a test environment could not be made of: always an error that says what is missing and how to get it. */
import { ZkError } from '../api/errors.js'

export function environmentError(message: string, cause?: unknown): ZkError {
  return new ZkError('TEST_ENVIRONMENT', message, { cause })
}

/** The message of whatever was thrown, for use inside another message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
