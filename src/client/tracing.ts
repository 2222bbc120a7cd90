/**
 * What is published on `node:diagnostics_channel`, at no cost while nobody listens:
 * - `tracing:latchkey:operation:*` (a TracingChannel): each call; context `{ operation, path }`, then `result` or `error`.
 * - `tracing:latchkey:connect:*`: each `connect()`; context `{ servers }`.
 * - `latchkey:state`: each change of state; `{ state, sessionId?, generation? }`.
 * Data, credentials and session passwords are in none of them.
 */
import { channel, tracingChannel } from 'node:diagnostics_channel'

export interface OperationContext {
  readonly operation: string
  readonly path: string | undefined
}

const operationChannel = tracingChannel<unknown, OperationContext>('latchkey:operation')
const connectChannel = tracingChannel<unknown, { readonly servers: readonly string[] }>('latchkey:connect')
export const stateChannel = channel('latchkey:state')

/** Whether anybody listens to operations. (`TracingChannel.hasSubscribers` came after Node 20.) */
export function operationsTraced(): boolean {
  const { start, asyncEnd, error } = operationChannel
  return start.hasSubscribers || asyncEnd.hasSubscribers || error.hasSubscribers
}

/** The promise's value stays out of the published context: it may hold data. */
export async function traceOperation<T>(context: OperationContext, call: () => Promise<T>): Promise<T> {
  let value: { readonly it: T } | undefined
  await operationChannel.tracePromise(async () => {
    value = { it: await call() }
  }, context)
  return (value as unknown as { readonly it: T }).it
}

export async function traceConnect<T>(servers: readonly string[], call: () => Promise<T>): Promise<T> {
  let value: { readonly it: T } | undefined
  await connectChannel.tracePromise(
    async () => {
      value = { it: await call() }
    },
    { servers },
  )
  return (value as unknown as { readonly it: T }).it
}
