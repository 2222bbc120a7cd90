/** The example in the guide runs and prints what it says. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { codeBlocks } from '../readme/code-blocks.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('the fault proxy of docs/testing.md does what the page says', async () => {
  const guide = readFileSync(join(root, 'docs/testing.md'), 'utf8')
  const block = codeBlocks(guide, 'ts').find(({ code }) => code.includes('FaultProxy.inFrontOf'))
  const folder = mkdtempSync(join(root, 'node_modules/.guide-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'example.ts')
  writeFileSync(file, block?.code ?? '')
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  onTestFinished(() => log.mockRestore())
  await import(file)
  const expected = [...(block?.code.matchAll(/\/\/ prints: (.+)$/gm) ?? [])].map(([, text]) => text)
  expect(expected).toHaveLength(2)
  expect(log.mock.calls.map((values) => values.join(' '))).toEqual(expected)
})
