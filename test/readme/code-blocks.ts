/** The programs in a Markdown file: its fenced `ts` blocks, each a complete module. */

export interface CodeBlock {
  /** Of the opening fence. */
  readonly line: number
  readonly code: string
}

const FENCED = /^```(\w+)\n([\s\S]*?)^```$/gm

/** The blocks in one of `languages`, in order. */
export function codeBlocks(markdown: string, ...languages: string[]): CodeBlock[] {
  return [...markdown.matchAll(FENCED)]
    .filter(([, language]) => languages.includes(language ?? ''))
    .map((match) => ({ line: markdown.slice(0, match.index).split('\n').length, code: match[2] ?? '' }))
}
