/** What a queue's layout on the server must tell the rest, which then is the same for all layouts. */
import type { Children } from '../../src/api/zk.js'
import type { Notes } from './envelope.js'
import type { Step } from './step.js'

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

/** An item in a list, perhaps gone by now. */
export interface Candidate {
  readonly path: string
  /** Of its claim. Names the item among all that are in the queue. */
  readonly name: string
  /** If its name says so: its token, in Curator's queue of ids its id. */
  readonly id?: string | undefined
}

export interface Sight {
  /** Nobody's, in the order in which they are to be taken. Enough of them, or all that there are. */
  readonly candidates: readonly Candidate[]
  /** When the next one falls due, in milliseconds since the epoch. */
  readonly dueAt: number | undefined
}

/** Lists children; undefined if the znode does not exist. `stays`: it is to exist while somebody waits for children. */
export type Lister = (path: string, stays?: boolean) => Promise<Children | undefined>

/** What a znode holds. */
export interface Stored {
  readonly notes: Notes
  /** One, or in Curator's format any number. */
  readonly payloads: readonly Buffer[]
}

export interface Layout {
  /** Parent of what is ours alone: marks of what was put, the line of idle consumers. */
  readonly own: string
  /** Parent of the claims. */
  readonly claims: string
  /** A claim is counted in the item itself, which so has a version for each claim. */
  readonly keepsNotes: boolean
  /** Other consumers honour our claims, so that an item can stay until it is acknowledged. */
  readonly isClaimable: boolean
  look(list: Lister, want: number): Promise<Sight>
  unpack(data: Buffer): Stored
  pack(stored: Stored): Buffer
  /** The steps that store them, in their order. */
  putSteps(entries: readonly Entry[]): Promise<Step[]>
  /** What goes with an item when it is removed. */
  removalSteps(notes: Notes): Step[]
  /** Finds one that was put by its token. */
  find(entry: Entry): Promise<string | undefined>
  /** How many items there are, those that are claimed included. */
  count(): Promise<number>
  /** Parents of items. */
  parents(list: Lister): Promise<readonly string[]>
  /** Makes a parent that should be there. */
  ensure(path: string): Promise<void>
}
