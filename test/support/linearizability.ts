/**
 * Is there an order of the operations, each at one moment between its call and its answer, in which the model gives every
 * answer that was given? The search of Wing and Gong with the memory of Lowe: a set of done operations together with
 * a state is looked at once.
 *
 * An operation whose outcome is unknown may take effect at any moment after its call, or never.
 */
export interface Operation<A> {
  /** Any clock, the same for all. */
  readonly called: number
  /** Undefined: the outcome is unknown. */
  readonly answered: { readonly at: number; readonly answer: A } | undefined
  readonly what: unknown
}

export interface Model<S, A> {
  readonly initial: S
  /** The state after `what`, and its answer. */
  step(state: S, what: unknown): { readonly state: S; readonly answer: A }
  /** Equal states have equal keys, equal answers too. */
  key(value: S | A): string
}

/** True if the history is linearizable. For short histories: up to some dozens of operations on one key. */
export function isLinearizable<S, A>(history: readonly Operation<A>[], model: Model<S, A>): boolean {
  const seen = new Set<string>()
  const search = (done: bigint, state: S): boolean => {
    const key = `${done}/${model.key(state)}`
    if (seen.has(key)) return false
    seen.add(key)
    const open = history.flatMap((operation, index) =>
      (done >> BigInt(index)) & 1n ? [] : [{ operation, index }],
    )
    if (open.every(({ operation }) => operation.answered === undefined)) return true
    // Whatever is next must have been called before the first of the open answers.
    const limit = Math.min(...open.map(({ operation }) => operation.answered?.at ?? Infinity))
    return open.some(({ operation, index }) => {
      if (operation.called > limit) return false
      const { state: next, answer } = model.step(state, operation.what)
      if (operation.answered !== undefined && model.key(operation.answered.answer) !== model.key(answer))
        return false
      return search(done | (1n << BigInt(index)), next)
    })
  }
  return search(0n, model.initial)
}
