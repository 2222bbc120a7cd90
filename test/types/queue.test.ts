/** The types of queues and workers. Checked by the compiler (`npm run typecheck`), which fails where one changes. */
import type { IdQueue } from 'latchkey'
import {
  bytesCodec,
  type Client,
  DelayQueue,
  type Delivery,
  type Job,
  PriorityQueue,
  Queue,
  Worker,
} from 'latchkey'
import { expectTypeOf, test } from 'vitest'

// Never called: the compiler alone reads these tests, and only the arguments' types count.
const zk = null as unknown as Client

interface Email {
  readonly to: string
}

test('a queue knows its items', () => {
  type Emails = Queue<Email>
  expectTypeOf<Emails['put']>().parameter(0).toEqualTypeOf<Email>()
  expectTypeOf<Emails['take']>().returns.resolves.toEqualTypeOf<Delivery<Email>>()
  expectTypeOf<Emails['tryTake']>().returns.resolves.toEqualTypeOf<Delivery<Email> | undefined>()
  expectTypeOf<Delivery<Email>['item']>().toEqualTypeOf<Email>()
  expectTypeOf<IdQueue<Email>['put']>().returns.resolves.toEqualTypeOf<boolean>()
  expectTypeOf(Queue<Email>).toBeConstructibleWith(zk, '/jobs', { dialect: 'kazoo-locking' })
})

test('a codec says what the items are', () => {
  const make = (): Queue<Uint8Array> => new Queue(zk, '/jobs', { codec: bytesCodec })
  expectTypeOf(make).returns.toEqualTypeOf<Queue<Uint8Array>>()
})

test('a worker takes any queue, and its handler the items', () => {
  const make = (): unknown[] =>
    [new Queue<Email>(zk, '/a'), new PriorityQueue<Email>(zk, '/b'), new DelayQueue<Email>(zk, '/c')].map(
      (queue) =>
        new Worker(queue, (item, job) => {
          expectTypeOf(item).toEqualTypeOf<Email>()
          expectTypeOf(job).toEqualTypeOf<Job<Email>>()
        }),
    )
  expectTypeOf(make).toBeFunction()
})

test('mistakes do not compile', () => {
  // @ts-expect-error -- not an item
  const item = (queue: Queue<Email>): unknown => queue.put('a')
  // @ts-expect-error -- a dialect without delays
  const dialect = (): unknown => new DelayQueue<Email>(zk, '/jobs', { dialect: 'kazoo' })
  // @ts-expect-error -- no event of that name
  const event = (worker: Worker<Email>): unknown => worker.on('finished', () => undefined)
  expectTypeOf([item, dialect, event]).toBeArray()
})
