/** Arguments of recipes, checked before anything is sent: what is wrong with one is a `TypeError` that names it. */
import type { Data } from '../../src/api/zk.js'

/** @throws TypeError unless it is one of `allowed`. */
export function checkOneOf(what: string, given: unknown, allowed: readonly string[]): void {
  if (allowed.includes(given as string)) return
  const shown = typeof given === 'string' ? JSON.stringify(given) : String(given)
  throw new TypeError(`${what} must be one of ${allowed.join(', ')}, got ${shown}`)
}

/** What goes into a znode as it is. @throws TypeError unless it is a string, bytes, null or left out. */
export function checkData(what: string, data: Data | undefined): void {
  const given: unknown = data
  if (given === undefined || given === null || typeof given === 'string' || given instanceof Uint8Array)
    return
  throw new TypeError(`${what} must be a string, bytes or null, got ${typeof given}`)
}

/** @throws TypeError unless it is a string or left out. */
export function checkText(what: string, text: unknown): void {
  if (text !== undefined && typeof text !== 'string')
    throw new TypeError(`${what} must be a string, got ${typeof text}`)
}

/** @throws TypeError unless it is a boolean or left out. */
export function checkFlag(what: string, flag: unknown): void {
  if (flag !== undefined && typeof flag !== 'boolean')
    throw new TypeError(`${what} must be a boolean, got ${typeof flag}`)
}

/** Of a name that becomes part of a path. @throws TypeError if it can't be one: a surrogate without its other half. */
export function encodeName(what: string, name: string): string {
  try {
    return encodeURIComponent(name)
  } catch (cause) {
    throw new TypeError(`${what} is no text: it has half of a surrogate pair`, { cause })
  }
}
