#!/usr/bin/env node
/**
 * The `latchkey` command. Exit codes: 0 done, 1 it failed, 2 the command line is wrong (then the usage is printed).
 */
import { createRequire } from 'node:module'
import { type Command, isParseError, UsageError } from './command.js'
import { dev } from './dev.js'

const commands: readonly Command[] = [dev]

const usage = `Usage: latchkey COMMAND [options]

${commands.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join('\n')}

  --help     print this, or the help of a command
  --version  print the version`

function version(): string {
  const manifest = createRequire(import.meta.url)('latchkey/package.json') as { readonly version: string }
  return manifest.version
}

function wrongUsage(message: string, help: string): number {
  console.error(`latchkey: ${message}\n\n${help}`)
  return 2
}

async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(command.help)
    return 0
  }
  try {
    return await command.run(args)
  } catch (error) {
    if (error instanceof UsageError || isParseError(error)) return wrongUsage(error.message, command.help)
    throw error
  }
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--version' || name === '-v') {
    console.log(version())
    return 0
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    console.log(usage)
    return 0
  }
  if (name === undefined) return wrongUsage('a command is missing', usage)
  const command = commands.find((candidate) => candidate.name === name)
  return command === undefined
    ? wrongUsage(`there is no command "${name}"`, usage)
    : runCommand(command, args)
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`latchkey: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  },
)
