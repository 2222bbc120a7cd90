/** A request that is answered with an error code: thrown by handlers, turned into the reply by the dispatcher. */
import { ResultCode } from '../protocol/result-codes.js'
import type { ServerErrorCode } from '../protocol/result-codes.js'

export class Refusal extends Error {
  readonly code: number

  constructor(name: string, code: number) {
    super(name)
    this.code = code
  }
}

// One instance a code: refusals are an everyday answer, and a stack trace for each would cost more than the request.
const refusals = new Map<ServerErrorCode, Refusal>()

/** Ends the request with this error. */
export function refuse(name: ServerErrorCode): never {
  let refusal = refusals.get(name)
  if (refusal === undefined) {
    refusal = new Refusal(name, ResultCode[name])
    refusals.set(name, refusal)
  }
  throw refusal
}
