/** A cluster with a model of the limit that sees everything. */
import type { RateLimiter, RateLimiterOptions, WaitOptions } from 'latchkey'
import { expect } from 'vitest'
import { RateModel } from '../../support/rate-model.js'
import type { Cluster } from '../cluster.js'

export const PATH = '/app/rate'

export class RateWatch {
  readonly model: RateModel
  readonly failures: string[] = []
  readonly #cluster: Cluster

  constructor(
    cluster: Cluster,
    { permits, intervalMs, burst }: Pick<RateLimiterOptions, 'permits' | 'intervalMs' | 'burst'>,
  ) {
    this.#cluster = cluster
    this.model = new RateModel(permits, intervalMs, (why) => void this.failures.push(why), burst)
    cluster.control.onApply(({ body, time }) => {
      for (const change of body.type === 'multi' ? body.changes : [body])
        if (change.type === 'setData' && change.path === PATH)
          this.model.write(change.data ?? new Uint8Array(), Number(time), cluster.clock.now())
    })
  }

  /** Takes, and books it at the moment that the caller knows. */
  async take(limiter: RateLimiter, count = 1, options: WaitOptions = {}): Promise<void> {
    await limiter.acquire(count, options)
    this.model.handOut(count, this.#cluster.clock.now())
  }

  async try(limiter: RateLimiter, count = 1): Promise<boolean> {
    const taken = await limiter.tryAcquire(count)
    if (taken) this.model.handOut(count, this.#cluster.clock.now())
    return taken
  }

  check(): void {
    expect(this.failures).toEqual([])
  }
}
