/**
 * What items are called on the server, in our own layout.
 *
 *   <token>-<sequence>                one item
 *   <token>x<count>-<sequence>        a pack: so many items that were put together, in one znode
 *   <token>.<number>-<sequence>       one that was in a pack, numbered from 0, and is by itself now, in the pack's place
 *   <due>-<token>-<sequence>          one that was put off
 *
 * The sequence is the server's, or of what was in a pack the pack's. Tokens are unique: what an item is found by when the
 * reply to its creation was lost, and what it is called by all its life, wherever it moves.
 */
import { parseSequence } from '../kernel/sequence.js'

const pack = /^([0-9a-f]+)x(\d{1,5})-\d{10}$/

/** The sequence number at the end of an item's name; −1 if there is none. */
export function itemSequence(name: string): number {
  return parseSequence(name.slice(name.lastIndexOf('-') + 1)) ?? -1
}

/** Without when it is due and its place in the segment. */
export function tokenOf(name: string): string {
  return /(?:^|-)([^-]*)-\d{10}$/.exec(name)?.[1] ?? name
}

/** How many items were put into it. Some of a pack may have gone since. */
export function countOf(name: string): number {
  return Number(pack.exec(name)?.[2] ?? 1)
}

/** All of a pack's name but the server's part. */
export function packPrefix(token: string, count: number): string {
  return `${token}x${count}-`
}

/** As {@link packPrefix}, of one of its items once it is by itself. */
export function apartPrefix(token: string, number: number): string {
  return `${token}.${number}-`
}

/** The token of an item of a pack. */
export function packedToken(name: string, number: number): string {
  return `${pack.exec(name)?.[1] ?? tokenOf(name)}.${number}`
}

/** What an item of a pack is called once it is by itself. */
export function apartName(name: string, number: number): string {
  return `${packedToken(name, number)}-${name.slice(name.lastIndexOf('-') + 1)}`
}

/** Of items in a segment: first come, first served. What is left of a pack was handed out before what came out of it. */
export function compareItems(a: string, b: string): number {
  return itemSequence(a) - itemSequence(b) || numberOf(a) - numberOf(b)
}

function numberOf(name: string): number {
  return Number(/\.(\d+)-\d{10}$/.exec(name)?.[1] ?? -1)
}
