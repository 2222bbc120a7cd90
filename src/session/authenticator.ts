/**
 * Presents the client's identities on each connection, and looks after those who wait for one more to be accepted.
 *
 * Invariants: whoever waits is answered, if not by this connection then by the next, or by the end of the client. An
 * identity that is refused when it is added is forgotten, so that it does not end the next connection too.
 */
import type { ZkError } from '../api/errors.js'
import { hasCode } from '../api/errors.js'
import type { Deferred } from '../runtime/deferred.js'
import { deferred } from '../runtime/deferred.js'
import type { AuthLink, Credentials } from './authentication.js'
import { authenticate, checkCredential, presentCredential } from './authentication.js'

export class Authenticator {
  readonly #credentials: Credentials
  readonly #allowInsecure: boolean
  readonly #waiting: Deferred<undefined>[] = []
  #closedWith: ZkError | undefined

  constructor(credentials: Credentials, allowInsecure: boolean) {
    this.#credentials = credentials
    this.#allowInsecure = allowInsecure
  }

  get hasNone(): boolean {
    return this.#credentials.size === 0
  }

  /** All identities, on a new connection. Rejects with what the client must give up for. */
  async present(link: AuthLink, saslStep: (token: Buffer) => Promise<Buffer>): Promise<void> {
    return authenticate(link, this.#credentials, this.#allowInsecure, saslStep)
  }

  /**
   * Adds an identity; resolves when a server has accepted it.
   *
   * @param link - the connection, if it has presented its identities already or is just doing so.
   */
  async add(scheme: string, auth: Buffer, link: AuthLink | undefined): Promise<void> {
    if (link !== undefined) checkCredential(link, scheme, this.#allowInsecure)
    const forget = this.#credentials.add(scheme, auth)
    if (link === undefined) return this.#nextTime()
    try {
      await presentCredential(link, scheme, auth)
    } catch (error) {
      if (hasCode(error, 'CONNECTION_LOSS')) return this.#nextTime()
      forget()
      throw error
    }
  }

  async #nextTime(): Promise<void> {
    if (this.#closedWith !== undefined) throw this.#closedWith
    const accepted = deferred<undefined>()
    this.#waiting.push(accepted)
    await accepted.promise
  }

  /** A server has accepted all of them. */
  accepted(): void {
    for (const waiting of this.#waiting.splice(0)) waiting.resolve(undefined)
  }

  /** There will be no other connection. */
  closed(error: ZkError): void {
    this.#closedWith = error
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error)
  }
}
