/** The programs of a page, as files that import this package, and a server that they run against. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startServer, type EmbeddedServer } from 'latchkey/server'
import { afterAll, beforeAll, onTestFinished, vi } from 'vitest'
import { problemsIn, root } from './programs.js'

export interface Program {
  readonly name: string
  readonly code: string
}

export interface ProgramStage {
  /** What is wrong with them in strict mode, a line each. */
  problems(): string[]
  /** The lines that it prints. What it finds in its surroundings is put back when the test is over. */
  run(program: Program): Promise<string[]>
}

/** From before the first test of the file until after the last one. */
export function stagePrograms(programs: readonly Program[]): ProgramStage {
  // Inside the repository, so that `latchkey` means this package, but where no tool looks.
  let folder: string
  let server: EmbeddedServer
  const fileOf = ({ name }: Program): string => join(folder, `${name.replaceAll(/\W/g, '-')}.ts`)

  beforeAll(async () => {
    folder = mkdtempSync(join(root, 'node_modules/.programs-'))
    server = await startServer()
    // Each a module of its own, also without an import.
    for (const program of programs) {
      const code = program.code.replaceAll('localhost:2181', server.connectString)
      writeFileSync(fileOf(program), `${code}\nexport {}\n`)
    }
  })

  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await server.close()
  })

  return {
    problems: () => problemsIn(programs.map(fileOf)),
    run: async (program) => {
      vi.stubEnv('ZOOKEEPER_CONNECT', server.connectString)
      const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
      onTestFinished(() => {
        log.mockRestore()
        vi.unstubAllEnvs()
      })
      await import(fileOf(program))
      return log.mock.calls.map((values) => values.join(' '))
    },
  }
}

/** The links of a page to files. */
export function filesLinkedIn(text: string): string[] {
  return [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)/g)].map(([, path]) => path ?? '')
}
