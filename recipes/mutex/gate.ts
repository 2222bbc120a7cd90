/**
 * How a task comes to hold a mutex: its turn among the tasks of this process, then the znode that they keep (biased
 * mode), or else a new one in the queue on the server.
 */
import { abortable } from '../../src/runtime/abort.js'
import type { Attempt } from '../kernel/attempt.js'
import type { ContenderQueue } from '../kernel/contender-queue.js'
import { first } from '../kernel/line.js'
import type { Place } from '../kernel/place.js'
import { BiasTerm, type BiasLimits } from './bias-term.js'
import { LocalQueue, type LocalTurn } from './local-queue.js'
import { Tenure, type Tenancy } from './tenure.js'

/** `try`: undefined instead of waiting for others. */
type Patience = 'wait' | 'try'

export interface Gate {
  /** How many tasks of this process wait for their turn. */
  readonly localWaiters: number
  take(attempt: Attempt, patience: Patience): Promise<Tenancy | undefined>
}

/** Without a local queue: each task is a contender on the server. */
export class OpenGate implements Gate {
  readonly localWaiters = 0
  readonly #queue: ContenderQueue

  constructor(queue: ContenderQueue) {
    this.#queue = queue
  }

  async take(attempt: Attempt, patience: Patience): Promise<Tenancy | undefined> {
    const place = await this.#queue[patience](first, attempt)
    return place && new Tenure(place, async (onRefused) => place.leave(onRefused)).admit()
  }
}

export class LocalGate implements Gate {
  readonly #queue: ContenderQueue
  readonly #key: string
  readonly #bias: BiasLimits | undefined
  readonly #mark: string

  /** @param key - of the lock, within a client. */
  constructor(queue: ContenderQueue, key: string, bias: BiasLimits | undefined) {
    this.#queue = queue
    this.#key = key
    this.#bias = bias
    const { data, acl, lossPolicy } = queue.spec
    const bytes = data === null ? null : Buffer.from(data).toString('base64')
    this.#mark = JSON.stringify([bytes, acl, lossPolicy, bias])
  }

  get localWaiters(): number {
    return LocalQueue.waitersOf(this.#queue.spec.zk, this.#key)
  }

  async take(attempt: Attempt, patience: Patience): Promise<Tenancy | undefined> {
    const local = LocalQueue.of(this.#queue.spec.zk, this.#key)
    const turn = local.tryEnter() ?? (patience === 'wait' ? await local.enter(attempt) : undefined)
    if (turn === undefined) return undefined
    try {
      const tenure =
        (await this.#resume(local, turn, attempt)) ?? (await this.#begin(local, turn, attempt, patience))
      if (tenure === undefined) {
        turn.end()
        return undefined
      }
      const tenancy = tenure.admit()
      turn.occupy(tenure)
      return tenancy
    } catch (error) {
      turn.end()
      throw error
    }
  }

  /** With what is kept, if it may serve again, and is such as we would make. */
  async #resume(local: LocalQueue, turn: LocalTurn, attempt: Attempt): Promise<Tenure | undefined> {
    const { kept } = local
    if (kept === undefined) return undefined
    const isOurs = this.#bias !== undefined && kept.mark === this.#mark
    if (isOurs && kept.isArming) {
      attempt.stage = 'waiting for the list of contenders'
      await abortable(kept.answer, attempt.signal)
    }
    if (isOurs && kept.needsTurn) {
      attempt.stage = 'waiting for the event loop to turn'
      await kept.turn(attempt.signal)
    }
    attempt.signal.throwIfAborted()
    if (local.kept !== kept) return undefined
    local.drop()
    if (isOurs && kept.take()) return biased(local, turn, kept)
    kept.stop()
    void kept.place.leave()
    return undefined
  }

  async #begin(
    local: LocalQueue,
    turn: LocalTurn,
    attempt: Attempt,
    patience: Patience,
  ): Promise<Tenure | undefined> {
    const place = await this.#queue[patience](first, attempt)
    if (place === undefined) return undefined
    if (this.#bias === undefined) return plain(turn, place)
    return biased(local, turn, new BiasTerm(this.#queue.spec, place, this.#bias, this.#mark))
  }
}

/** The delete goes out first, then the next one's create. */
function plain(turn: LocalTurn, place: Place): Tenure {
  return new Tenure(place, async (onRefused) => {
    const leaving = place.leave(onRefused)
    turn.end()
    return leaving
  })
}

function biased(local: LocalQueue, turn: LocalTurn, term: BiasTerm): Tenure {
  const { place } = term
  const onEnd = (): void => {
    local.drop()
    void place.leave()
  }
  return new Tenure(place, async (onRefused) => {
    if (!turn.isOver && term.keep(onEnd)) {
      local.keep(term)
      turn.end()
      return 'deleted'
    }
    term.stop()
    const leaving = place.leave(onRefused)
    turn.end()
    return leaving
  })
}
