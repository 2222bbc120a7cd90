/** Who takes part, for people to read: `host:pid`, unless the caller has a better name. */
import { hostname } from 'node:os'

/** @throws TypeError for anything but a string. */
export function participantId(id: string | undefined): string {
  if (id === undefined) return `${hostname()}:${process.pid}`
  if (typeof id !== 'string') throw new TypeError(`id must be a string, got ${typeof id}`)
  return id
}
