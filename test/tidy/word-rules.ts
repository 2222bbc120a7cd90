/** Words that the code may not use, each for a reason that is said in the message. */
import ts from 'typescript'
import { at, eachNode, importsOf, lineOf, type Rule, type SourceFile, type Violation } from './source-file.js'

/** Ways to time and chance, which enter through src/runtime so that a seed can replay everything. */
const IMPURE: readonly string[] = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'process.nextTick',
  'process.hrtime',
  'performance.now',
  'performance.timeOrigin',
  'Date.now',
  'Math.random',
  'AbortSignal.timeout',
  'randomUUID',
  'randomBytes',
  'randomInt',
  'getRandomValues',
]
const IMPURE_MODULES = /^(node:)?(timers|timers\/promises|perf_hooks)$/

/** The bare name, or `object.name`, or, for a method of anything, the last name alone. */
function namesOf(node: ts.Node): string[] {
  if (ts.isPropertyAccessExpression(node)) {
    const name = node.name.text
    return ts.isIdentifier(node.expression) ? [`${node.expression.text}.${name}`, name] : [name]
  }
  if (!ts.isIdentifier(node)) return []
  const { parent } = node
  const isOwnName = ts.isPropertyAccessExpression(parent) || !ts.isExpression(parent)
  return isOwnName && !ts.isImportSpecifier(parent) && !isValue(node) ? [] : [node.text]
}

/** `const f = setTimeout`: the name stands for a value though its parent is no expression. */
function isValue(node: ts.Identifier): boolean {
  return ts.isVariableDeclaration(node.parent) && node.parent.initializer === node
}

function isNow(node: ts.Node): boolean {
  return (
    (ts.isNewExpression(node) || ts.isCallExpression(node)) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === 'Date' &&
    (node.arguments?.length ?? 0) === 0
  )
}

function timeAndChance(file: SourceFile, remedy: string): Violation[] {
  const found: Violation[] = []
  eachNode(file, (node) => {
    const word = isNow(node) ? 'new Date()' : namesOf(node).find((name) => IMPURE.includes(name))
    if (word !== undefined) found.push(at(file, node, `${word}: ${remedy}`))
  })
  for (const { node, specifier } of importsOf(file))
    if (IMPURE_MODULES.test(specifier)) found.push(at(file, node, `${specifier}: ${remedy}`))
  return found
}

/** For src and recipes. */
export const impurityRule: Rule = (file) =>
  file.path.startsWith('src/runtime/')
    ? []
    : timeAndChance(file, 'time and chance come from src/runtime (Clock, Random)')

/** `export *` hides what is public. */
export const exportStarRule: Rule = (file) => {
  const found: Violation[] = []
  eachNode(file, (node) => {
    const isStar =
      ts.isExportDeclaration(node) &&
      (node.exportClause === undefined || ts.isNamespaceExport(node.exportClause))
    if (isStar) found.push(at(file, node, 'export *: name what is exported'))
  })
  return found
}

const EMPTY_NAMES = /(Impl|Manager|Helpers?|Utils?)$|^(utils?|helpers?|misc)$/
const HUNGARIAN = /^I[A-Z][a-z]/

/** Declared names say what a thing is. */
export const nameRule: Rule = (file) => {
  const found: Violation[] = []
  eachNode(file, (node) => {
    const isType =
      ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isClassDeclaration(node)
    if (!isType && !ts.isFunctionDeclaration(node) && !ts.isVariableDeclaration(node)) return
    const { name } = node
    if (name === undefined || !ts.isIdentifier(name)) return
    if (EMPTY_NAMES.test(name.text) || (isType && HUNGARIAN.test(name.text)))
      found.push(at(file, name, `${name.text}: name it by what it is or does`))
  })
  return found
}

const UNFINISHED = /\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/g

/** What is not finished is in an issue, not in the code. */
export const unfinishedRule: Rule = (file) =>
  [...file.text.matchAll(UNFINISHED)].map(
    (match) => `${file.path}:${lineOf(file, match.index)} ${match[0]}: finish it, or open an issue`,
  )

/** Each file of the product opens with what it is. */
export const headerRule: Rule = (file) =>
  /^(#!.*\n)?\s*(\/\*|\/\/)/.test(file.text)
    ? []
    : [`${file.path}:1 a file opens with a comment that says what it is`]

const FOCUS = /^(only|skip|todo|fails|skipIf|runIf|retry)$/

/** Every test runs, once, and can fail. */
export const focusRule: Rule = (file) => {
  const found: Violation[] = []
  eachNode(file, (node) => {
    if (
      ts.isPropertyAccessExpression(node) &&
      FOCUS.test(node.name.text) &&
      /^(it|test|describe|suite)\b/.test(node.getText())
    )
      found.push(at(file, node, `${node.getText()}: every test runs`))
    if (
      ts.isPropertyAssignment(node) &&
      node.name.getText() === 'retry' &&
      node.initializer.getText() !== '0'
    )
      found.push(at(file, node, 'retry: a test that fails now and then is a bug'))
  })
  return found
}

const SLEEPS: readonly string[] = ['setTimeout', 'setInterval', 'waitForTimeout']

/** Tests wait for events, or move a virtual clock. */
export const sleepRule: Rule = (file) => {
  const found: Violation[] = []
  const sleeps = (what: string): string =>
    `${what}: tests wait for events or move a VirtualClock, they don't sleep`
  eachNode(file, (node) => {
    if (!ts.isCallExpression(node)) return
    const callee = node.expression.getText()
    const isSleep = SLEEPS.some((word) => callee === word || callee.endsWith(`.${word}`))
    const onSystemClock =
      /(^|\.)(sleep|setTimer)$/.test(callee) && /\bsystem(Clock|Runtime)\b/.test(node.getText().slice(0, 200))
    if (isSleep || onSystemClock) found.push(at(file, node, sleeps(callee)))
  })
  for (const { node, specifier } of importsOf(file))
    if (/^(node:)?timers(\/promises)?$/.test(specifier)) found.push(at(file, node, sleeps(specifier)))
  return found
}
