/** What a queue's layout on the server must tell the rest, which then is the same for all layouts. */
import type { Children } from '../../src/api/zk.js'
import type { Step } from './step.js'
import type { Notes, Stored } from './stored.js'

/** Where an item goes. */
export interface Placement {
  /** Lower goes first. */
  readonly priority?: number | undefined
  /** Not to be taken before, in milliseconds since the epoch. */
  readonly dueAt?: number | undefined
  readonly id?: string | undefined
}

/** An item that is to be stored. */
export interface Entry {
  readonly place: Placement
  readonly notes: Notes
  readonly payload: Uint8Array
  /** Unique: what it can be found by when the reply to its creation was lost. */
  readonly token: string
  /** It replaces one that is removed in the same transaction: its id is known already. */
  readonly moves?: boolean | undefined
}

/** A znode in a list, perhaps gone by now. */
export interface Candidate {
  readonly path: string
  /** Of its claim. Names the znode among all that are in the queue. */
  readonly name: string
  /** In Curator's queue of ids, whose names have it: its id. */
  readonly id?: string | undefined
  /** How many items it holds, by its name: as many, or of a pack perhaps fewer. Curator's don't say. */
  readonly count: number
}

export interface Sight {
  /** Nobody's, in the order in which they are to be taken. Enough of them, or all that there are. */
  readonly candidates: readonly Candidate[]
  /** When the next one falls due, in milliseconds since the epoch. */
  readonly dueAt: number | undefined
}

/** Lists children; undefined if the znode does not exist. `stays`: it is to exist while somebody waits for children. */
export type Lister = (path: string, stays?: boolean) => Promise<Children | undefined>

/** An item of a pack that is put by itself. */
export interface Apart {
  readonly step: Step
  /** It, from then on. */
  readonly candidate: Candidate
}

export interface Layout {
  /** Parent of what is ours alone: marks of what was put, the line of idle consumers. */
  readonly own: string
  /** Parent of the claims. */
  readonly claims: string
  /** A claim is counted in the item itself, which so has a version for each claim. */
  readonly keepsNotes: boolean
  /** Puts one item of a pack by itself, in the pack's place. Undefined: there are no packs. */
  readonly apart: ((path: string, number: number, notes: Notes, payload: Buffer) => Apart) | undefined
  /** Other consumers honour our claims, so that an item can stay until it is acknowledged. */
  readonly isClaimable: boolean
  look(list: Lister, want: number): Promise<Sight>
  unpack(data: Buffer): Stored
  pack(stored: Stored): Buffer
  /** The steps that store them, in their order. */
  putSteps(entries: readonly Entry[]): Promise<Step[]>
  /** What goes with an item when it is removed. */
  removalSteps(notes: Notes): Step[]
  /** What an item is called for good, wherever it moves. @param index - among the payloads. */
  tokenOf(name: string, stored: Stored, index: number): string
  /** Was it put? Undefined: there is no telling by what is in the queue. */
  isPut(entry: Entry): Promise<boolean | undefined>
  /** The steps that take back what was put and has not been claimed yet; undefined if there is no such item. */
  takeBack(entry: Entry): Promise<Step[] | undefined>
  /** How many items there are, those that are claimed included. @param list - by what it lists; default: the client. */
  count(list?: Lister): Promise<number>
  /** As {@link count} by their names alone, which may count too many of a pack. */
  tally(list: Lister): Promise<number>
  /** Makes a parent that should be there. */
  ensure(path: string): Promise<void>
}
