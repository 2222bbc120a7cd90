/** One znode of a lease, with as many permits as it stands for. */
import { Hold } from '../kernel/hold.js'
import type { Place } from '../kernel/place.js'

/** Replaces a znode by one with fewer permits, in one go. Undefined if it was gone. */
export type Shrink = (place: Place, permits: number) => Promise<Place | undefined>

export class LeasePart extends Hold {
  readonly permits: number
  readonly #shrink: Shrink | undefined

  /** @param shrink - needed only where a znode stands for more than one permit. */
  constructor(place: Place, permits: number, shrink?: Shrink) {
    super(place)
    this.permits = permits
    this.#shrink = shrink
  }

  /** Gives one permit back; what stays is the hold that this gives, and this one is as good as released. */
  async less(): Promise<LeasePart> {
    const shrink = this.#shrink
    const permits = this.permits - 1
    const place = await this.exchange(async (old) => shrink?.(old, permits))
    return new LeasePart(place, permits, shrink)
  }
}
