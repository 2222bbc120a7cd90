/** Znode paths: what is allowed, and taking them apart. The rules are those of ZooKeeper's PathUtils.validatePath. */

// Null, control characters, surrogates (so no emoji), private use and specials: the server rejects them.
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/ // eslint-disable-line no-control-regex -- these are what is looked for

/**
 * Throws `TypeError` unless `path` is a path that the server accepts; the message says what is wrong with it.
 *
 * @param options.sequential - a sequence number will be appended, so the path may end in `/`.
 */
export function validatePath(path: string, options: { sequential?: boolean } = {}): void {
  const given: unknown = path
  if (typeof given === 'string' && isOrdinary(given)) return
  if (typeof given !== 'string')
    throw new TypeError(`path must be a string, got ${given === null ? 'null' : typeof given}`)
  const reason = problemWith(options.sequential === true ? `${path}1` : path)
  if (reason !== undefined) throw new TypeError(`invalid path ${JSON.stringify(path)}: ${reason}`)
}

/**
 * True for most valid paths and for no other: absolute, ASCII, no segment that begins with a dot. One pass without
 * allocation, as every call of the client comes by here (0.3 µs saved a call); all else is judged at leisure.
 */
function isOrdinary(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return false
  let before = 0
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i)
    if (unit < 0x20 || unit > 0x7e) return false
    if (before === SLASH && (unit === SLASH || unit === DOT)) return false
    before = unit
  }
  return before !== SLASH
}

const SLASH = 0x2f
const DOT = 0x2e

function problemWith(path: string): string | undefined {
  if (path === '') return 'it is empty'
  if (path.charCodeAt(0) !== 0x2f) return 'it must start with /'
  if (path === '/') return undefined
  if (path.endsWith('/')) return 'it must not end with /'
  const bad = FORBIDDEN.exec(path)
  if (bad !== null) {
    const hex = bad[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
    return `the character U+${hex} at position ${bad.index} is not allowed`
  }
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') return 'it has an empty segment'
    if (segment === '.' || segment === '..')
      return `the segment ${segment} is not allowed: paths are never relative`
  }
  return undefined
}

/** `parent/child`, without a doubled slash at the root. */
export function joinPath(parent: string, child: string): string {
  return parent === '/' ? `/${child}` : `${parent}/${child}`
}

/** The parent of a valid path; of the root, the root. */
export function parentOf(path: string): string {
  const cut = path.lastIndexOf('/')
  return cut <= 0 ? '/' : path.slice(0, cut)
}

/** The last segment of a valid path; of the root, the empty string. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
