/** Paths with and without the chroot of the connect string. */
import { validatePath } from '../api/path.js'

export interface Chroot {
  /** Checks a caller's path and puts the chroot in front. */
  toServer(path: string, sequential?: boolean): string
  /** Takes the chroot off; a path outside of it comes back as it is. */
  toClient(path: string): string
}

const SEQUENTIAL = { sequential: true } as const

export function chrootOf(prefix: string): Chroot {
  const check = (path: string, sequential: boolean): void =>
    validatePath(path, sequential ? SEQUENTIAL : undefined)
  if (prefix === '') {
    return {
      toServer(path, sequential = false) {
        check(path, sequential)
        return path
      },
      toClient: (path) => path,
    }
  }
  return {
    toServer(path, sequential = false) {
      check(path, sequential)
      return path === '/' && !sequential ? prefix : prefix + path
    },
    toClient(path) {
      if (path === prefix) return '/'
      return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path
    },
  }
}
