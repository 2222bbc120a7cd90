/** Makes a path with all that is missing above it, from the top, whoever else does the same at the same time. */
import type { Acl } from '../api/acl.js'
import { hasCode, TimeoutError } from '../api/errors.js'
import { parentOf } from '../api/path.js'
import type { CallOptions, Zk } from '../api/zk.js'
import { Deadline } from '../runtime/abort.js'

type Mode = 'persistent' | 'container'
interface Options extends CallOptions {
  readonly mode?: Mode
  readonly acl?: readonly Acl[]
}

/**
 * @param full - the server's path, so that a missing chroot is made too.
 * @param outside - calls that take server paths.
 */
export async function ensurePath(
  client: Pick<Zk, 'runtime'>,
  full: string,
  outside: Pick<Zk, 'create' | 'exists'>,
  options: Options,
): Promise<void> {
  const timeout = (): TimeoutError =>
    new TimeoutError(`ensurePath ${full}: not done within ${options.timeoutMs} ms`, { path: full })
  using deadline = new Deadline(client.runtime.clock, options, timeout)
  deadline.throwIfOver()
  const limits = { signal: deadline.signal, generation: options.generation }
  if (full === '/' || (await outside.exists(full, limits)) !== undefined) return
  await make(outside, full, {
    ...limits,
    mode: options.mode ?? 'persistent',
    ...(options.acl === undefined ? {} : { acl: options.acl }),
  })
}

type MakeOptions = CallOptions & { readonly mode: Mode; readonly acl?: readonly Acl[] }

async function make(outside: Pick<Zk, 'create'>, path: string, options: MakeOptions): Promise<void> {
  for (;;) {
    try {
      await outside.create(path, null, options)
      return
    } catch (error) {
      if (hasCode(error, 'NODE_EXISTS')) return
      if (hasCode(error, 'UNIMPLEMENTED') && options.mode === 'container')
        return make(outside, path, { ...options, mode: 'persistent' })
      // In doubt: it is made or not, and making it again tells which.
      if (hasCode(error, 'CONNECTION_LOSS')) continue
      // Its parent is missing, or was (a container reaped in between): make that first, then try again.
      if (!hasCode(error, 'NO_NODE') || parentOf(path) === '/') throw error
      await make(outside, parentOf(path), options)
    }
  }
}
