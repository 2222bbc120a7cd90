/**
 * @param titles - of the columns; one that ends in `:` has numbers, which stand at the right.
 * @param rows - a cell a column.
 */
export function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    row(titles.map((title) => title.replace(/:$/, ''))),
    row(titles.map((title) => (title.endsWith(':') ? '---:' : '---'))),
    ...rows.map(row),
  ].join('\n')
}
