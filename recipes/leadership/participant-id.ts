/** Who takes part, for people to read: `host:pid`, unless the caller has a better name. */
import { hostname } from 'node:os'
import { checkText } from '../kernel/check.js'

/** @throws TypeError for anything but a string. */
export function participantId(id: string | undefined): string {
  checkText('id', id)
  return id ?? `${hostname()}:${process.pid}`
}
