/** What every command of the `latchkey` program is: a name, its help, and what it does. */

export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  /** All that `--help` says. */
  readonly help: string
  /** Resolves with the exit code when there is nothing left to do. Rejects with {@link UsageError} for wrong flags. */
  run(args: readonly string[]): Promise<number>
}

/** The command line is wrong: the message says how, and the usage follows it. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** `parseArgs` tells of unknown flags by errors with these codes. */
export function isParseError(error: unknown): error is Error {
  return (
    error instanceof TypeError &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('ERR_PARSE_ARGS_')
  )
}
