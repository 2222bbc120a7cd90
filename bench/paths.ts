/** Where the bench keeps what it builds and installs: a folder that `npm ci` wipes and git never sees. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository: string = fileURLToPath(new URL('..', import.meta.url))
export const cache: string = join(repository, 'node_modules', '.cache', 'latchkey-bench')
export const packageFolder: string = join(cache, 'package')
