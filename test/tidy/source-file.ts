/**
 * The repository as the tidy rules see it: its files, parsed. A rule is a function from one file to what is wrong with
 * it, so that each can be tried on a bad sample as well as on the repository.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** Made by tools, never committed. */
const GENERATED = new Set(['node_modules', 'dist', 'coverage', 'temp', '.git', '__pycache__', 'target'])

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
}

/** A sentence about one place: `path:line what is wrong`. */
export type Violation = string

export type Rule = (file: SourceFile) => Violation[]

function walk(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (GENERATED.has(entry.name)) return []
    const path = posix.join(folder, entry.name)
    return entry.isDirectory() ? walk(path) : [path]
  })
}

/** Every file that is not made by a tool, sorted. */
export const allPaths: readonly string[] = walk('.').sort()

export function isCode(path: string): boolean {
  return /\.(ts|mjs|js)$/.test(path)
}

export function parse(path: string, text: string): SourceFile {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) }
}

/** The code files under these folders (all without), parsed. */
export function sourceFiles(...folders: string[]): SourceFile[] {
  const wanted = (path: string): boolean =>
    folders.length === 0 || folders.some((folder) => path.startsWith(`${folder}/`))
  return allPaths
    .filter((path) => isCode(path) && wanted(path))
    .map((path) => parse(path, readFileSync(join(root, path), 'utf8')))
}

export function violations(rule: Rule, files: readonly SourceFile[]): Violation[] {
  return files.flatMap(rule)
}

export function at(file: SourceFile, node: ts.Node, what: string): Violation {
  return `${file.path}:${lineOf(file, node.getStart(file.tree))} ${what}`
}

export function lineOf(file: SourceFile, position: number): number {
  return file.tree.getLineAndCharacterOfPosition(position).line + 1
}

/** Calls `visit` for every node of the file, from the top. */
export function eachNode(file: SourceFile, visit: (node: ts.Node) => void): void {
  const step = (node: ts.Node): void => {
    visit(node)
    ts.forEachChild(node, step)
  }
  step(file.tree)
}

export interface Import {
  readonly node: ts.Node
  /** As written. */
  readonly specifier: string
  /** For a relative one, the file it names (with `.ts`); else the specifier. */
  readonly target: string
  readonly typeOnly: boolean
}

function importOf(node: ts.Node): { specifier: ts.Node; typeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node)) {
    const typeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
    return { specifier: node.moduleSpecifier, typeOnly }
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined)
    return { specifier: node.moduleSpecifier, typeOnly: node.isTypeOnly }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [specifier] = node.arguments
    return specifier === undefined ? undefined : { specifier, typeOnly: false }
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
    return { specifier: node.argument.literal, typeOnly: true }
  return undefined
}

/** Static and dynamic imports, re-exports and import types. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = []
  eachNode(file, (node) => {
    const parts = importOf(node)
    if (parts === undefined || !ts.isStringLiteralLike(parts.specifier)) return
    const specifier = parts.specifier.text
    const target = specifier.startsWith('.')
      ? posix.join(dirname(file.path), specifier).replace(/\.js$/, '.ts')
      : specifier
    found.push({ node, specifier, target, typeOnly: parts.typeOnly })
  })
  return found
}
