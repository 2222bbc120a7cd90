/** Real servers with a TLS port, which only the Java engine makes: our client reaches them, with names checked. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { connect } from '../../src/index.js'
import type { EnsembleTls } from '../../src/testing/index.js'
import { TestEnsemble } from '../../src/testing/index.js'
import { servers } from '../support/ensemble.js'

const run = promisify(execFile)
const PASSWORD = 'only for this test'

/** A self-signed certificate for 127.0.0.1, by the tool that comes with Java. */
async function certificate(): Promise<{ readonly tls: EnsembleTls; readonly pem: Buffer }> {
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-tls-'))
  onTestFinished(async () => rm(directory, { recursive: true, force: true }))
  const [keyStore, trustStore] = [join(directory, 'server.p12'), join(directory, 'trusted.p12')]
  const pem = join(directory, 'server.pem')
  const store = ['-keystore', keyStore, '-storepass', PASSWORD, '-alias', 'server']
  const key = ['-keyalg', 'EC', '-dname', 'CN=server', '-ext', 'san=ip:127.0.0.1', '-storetype', 'PKCS12']
  await run('keytool', ['-genkeypair', ...store, ...key])
  await run('keytool', ['-exportcert', '-rfc', '-file', pem, ...store])
  const trusted = ['-keystore', trustStore, '-storepass', PASSWORD, '-storetype', 'PKCS12']
  await run('keytool', ['-importcert', '-noprompt', '-alias', 'server', '-file', pem, ...trusted])
  const password = { keyStorePassword: PASSWORD, trustStorePassword: PASSWORD }
  return { tls: { keyStore, trustStore, ...password }, pem: await readFile(pem) }
}

it('a client that trusts their certificate is served over TLS, one that does not is not', async () => {
  const { tls, pem } = await certificate()
  if (servers.engine === 'docker') {
    await expect(TestEnsemble.start({ engine: 'docker', tls })).rejects.toThrow('options of the Java engine')
    return
  }
  const version = process.env['LATCHKEY_ZOOKEEPER_VERSION']
  await using ensemble = await TestEnsemble.start({ engine: 'java', servers: 1, version, tls })
  const { secureConnectString } = ensemble
  await using zk = await connect(secureConnectString, { tls: { ca: pem } })
  await zk.create('/over-tls', 'x')
  expect((await zk.get('/over-tls')).data.toString()).toBe('x')
  await expect(connect(secureConnectString, { tls: true, timeoutMs: 2_000 })).rejects.toThrow()
})
