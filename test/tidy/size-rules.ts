/** Sizes: aims, not laws. What is larger is on a short list with its reason. */
import ts from 'typescript'
import { at, eachNode, lineOf, type Rule } from './source-file.js'

export const MAX_FILE_LINES = 400
export const MAX_FUNCTION_LINES = 60

export const fileSizeRule: Rule = (file) => {
  const lines = file.text.trimEnd().split('\n').length
  return lines > MAX_FILE_LINES ? [`${file.path} has ${lines} lines, more than ${MAX_FILE_LINES}`] : []
}

/** `describe('…', () => { … })` only groups: its length is that of the file. */
function isGroup(node: ts.Node): boolean {
  return ts.isCallExpression(node.parent) && /^(describe|suite)\b/.test(node.parent.expression.getText())
}

/** Counts from the first line to the last, without the comment above. */
export const functionSizeRule: Rule = (file) => {
  const found: string[] = []
  eachNode(file, (node) => {
    if (!ts.isFunctionLike(node) || isGroup(node)) return
    const lines = lineOf(file, node.end) - lineOf(file, node.getStart(file.tree)) + 1
    if (lines > MAX_FUNCTION_LINES)
      found.push(at(file, node, `a function of ${lines} lines, more than ${MAX_FUNCTION_LINES}`))
  })
  return found
}
