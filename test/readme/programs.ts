/** Compiles the programs of a page as a user's would be, and runs them against a server. */
import ts from 'typescript'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** What is wrong with these files in strict mode, a line each. */
export function problemsIn(files: readonly string[]): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile.bind(ts.sys)) as {
    config: object
  }
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [] }, ts.sys, root)
  // Names that only show something are fine on a page.
  const program = ts.createProgram(files, { ...options, noUnusedLocals: false, noUnusedParameters: false })
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const at = file === undefined ? undefined : file.getLineAndCharacterOfPosition(start ?? 0).line + 1
    return `${file?.fileName}:${at} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
}

/** What a program says that it prints. */
export function printed(code: string): string[] {
  return [...code.matchAll(/\/\/ prints: (.+)$/gm)].map(([, text]) => text ?? '')
}
