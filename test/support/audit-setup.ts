/** Part of every test file, by `setupFiles` of vitest.config.ts: what the file began is over when it ends. */
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { FileAudit } from './file-audit.js'

let audit: FileAudit

beforeAll(() => {
  audit = new FileAudit()
})

beforeEach(({ signal }) => audit.disregard(signal))

afterAll(async () => {
  const findings = await audit.findings()
  audit.stop()
  expect(findings, 'left behind by this test file').toEqual([])
})
