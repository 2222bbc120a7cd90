/** The znode below which a bench does all that it does; what is left there goes with it. */
import { connect } from 'latchkey'

export interface Root extends AsyncDisposable {
  readonly path: string
}

export async function makeRoot(connectString: string): Promise<Root> {
  const path = `/latchkey-bench-${process.pid}`
  await using zk = await connect(connectString)
  await zk.ensurePath(path)
  await zk.create(`${path}/node`, Buffer.alloc(128, 'x'))
  return {
    path,
    async [Symbol.asyncDispose]() {
      await using again = await connect(connectString)
      await again.deleteRecursive(path)
    },
  }
}
