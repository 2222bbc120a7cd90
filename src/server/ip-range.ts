/** `address` or `address/bits`, v4 and v6, as the `ip` scheme of an ACL writes them. */
import { isIPv4, isIPv6 } from 'node:net'

interface IpRange {
  readonly bytes: readonly number[]
  readonly bits: number
}

function bytesOf(address: string): number[] | undefined {
  if (isIPv4(address)) return address.split('.').map(Number)
  if (!isIPv6(address) || address.includes('%') || address.includes('.')) return undefined
  const [head = '', tail] = address.split('::')
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((g) => parseInt(g, 16)))
  const front = groups(head)
  const back = tail === undefined ? [] : groups(tail)
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back]
  return all.flatMap((group) => [group >> 8, group & 0xff])
}

/** Undefined if it is neither an address nor a range. */
export function parseIpRange(text: string): IpRange | undefined {
  const slash = text.indexOf('/')
  const bytes = bytesOf(slash === -1 ? text : text.slice(0, slash))
  if (bytes === undefined) return undefined
  if (slash === -1) return { bytes, bits: bytes.length * 8 }
  const suffix = text.slice(slash + 1)
  const bits = /^\d{1,3}$/.test(suffix) ? Number(suffix) : -1
  return bits >= 0 && bits <= bytes.length * 8 ? { bytes, bits } : undefined
}

/** True if `address` is in the range `text`; families never match one another. */
export function inIpRange(address: string, text: string): boolean {
  const range = parseIpRange(text)
  const bytes = bytesOf(address)
  if (range === undefined || bytes?.length !== range.bytes.length) return false
  return bytes.every((byte, i) => {
    const bits = Math.min(8, Math.max(0, range.bits - i * 8))
    const mask = (0xff << (8 - bits)) & 0xff
    return (byte & mask) === ((range.bytes[i] ?? 0) & mask)
  })
}
