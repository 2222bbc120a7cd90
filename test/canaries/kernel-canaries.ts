/** Old mistakes of lock recipes, made again in the kernel and the mutex. */
import { recipeTests as tests, type Canary } from './canary.js'

const mutex = { recipe: 'mutex' }
const kernel = (file: string): string => `recipes/kernel/${file}.ts`

export const kernelCanaries: readonly Canary[] = [
  {
    name: 'create-repeated-after-a-lost-reply',
    was: 'zk-client, go-zookeeper (samuel#237): create reply lost → ghost; Curator 45',
    edits: [
      {
        file: kernel('enqueue'),
        find: '    if (found === undefined) Janitor.of(zk).disown(lost)\n    return found\n',
        replace: '    return found && undefined\n',
      },
    ],
    simulation: mutex,
    unit: tests('mutex-faults'),
  },
  {
    name: 'znode-of-the-session-before-taken-for-ours',
    was: 'Curator 498, 604: found the dying previous session’s node and took it for its own',
    // Whose it is is asked four times over; with one of these left in, nobody is harmed.
    edits: [
      {
        file: kernel('lost-create'),
        find: 'attempt = 1; !lost.session.signal.aborted; attempt++',
        replace: 'attempt = 1; attempt > 0; attempt++',
      },
      {
        file: kernel('lost-create'),
        find: 'if (session.generation !== lost.session.generation) return undefined',
        replace: 'if (session.generation < 1) return undefined',
      },
      {
        file: kernel('lost-create'),
        find: "if (hasCode(error, 'NO_NODE') || isOver(lost.session, error)) return undefined",
        replace: "if (hasCode(error, 'NO_NODE')) return undefined",
      },
      {
        file: kernel('lost-create'),
        find: 'if (!isUnknown(error) && !isPassing(error)) throw error',
        replace: 'if (!isUnknown(error) && !isPassing(error) && !isOver(lost.session, error)) throw error',
      },
      {
        file: kernel('lost-create'),
        find: 'const options = { signal, generation: session.generation }',
        replace: 'const options = { signal, generation: zk.session?.generation ?? session.generation }',
      },
      {
        file: kernel('lost-create'),
        find: 'return stat?.ephemeralOwner === session.id ? { path, stat } : undefined',
        replace: 'return stat === undefined ? undefined : { path, stat }',
      },
      {
        file: kernel('enqueue'),
        find: 'const place = new Place(zk, session, { ...created, sequence }, spec.lossPolicy)',
        replace:
          'const place = new Place(zk, zk.session ?? session, { ...created, sequence }, spec.lossPolicy)',
      },
      {
        file: kernel('enqueue'),
        find: 'return children\n  } catch (error) {\n    if (attempt.signal.aborted || (!isUnknown(error) && !isPassing(error))) throw error',
        replace: 'return children\n  } catch (error) {\n    if (attempt.signal.aborted) throw error',
      },
    ],
    unit: tests('lost-create-of-a-session-before'),
  },
  {
    name: 'connection-loss-of-a-delete-swallowed',
    was: 'kazoo #732, #429: permanent ghost owner',
    edits: [
      {
        file: kernel('janitor'),
        find: 'if (isUnknown(error)) maybeOurs = true',
        replace: "if (isUnknown(error)) return 'deleted'",
      },
    ],
    simulation: mutex,
    unit: tests('janitor', 'mutex-faults'),
  },
  {
    name: 'waiter-that-gave-up-keeps-its-znode',
    was: 'zk-ruby #49, #51, aiozk #34; Curator 462',
    edits: [
      {
        file: kernel('contender-queue'),
        find: '      void place.leave()\n      throw error',
        replace: '      throw error',
      },
    ],
    simulation: mutex,
    unit: tests('mutex-abort'),
  },
  {
    name: 'abort-during-create-leaves-a-znode',
    was: 'Curator 79',
    edits: [
      {
        file: kernel('enqueue'),
        find: '      Janitor.of(zk).abandon(creating, lost)\n',
        replace: '      creating.catch(() => undefined)\n',
      },
    ],
    simulation: mutex,
    unit: tests('mutex-abort'),
  },
  {
    name: 'list-behind-create-fails-and-leaves-a-znode',
    was: 'Curator 315, 335: event between create and list orphans the lease',
    edits: [
      {
        file: kernel('enqueue'),
        find: '    void place.leave()\n    throw error\n',
        replace: '    throw error\n',
      },
    ],
    simulation: mutex,
    unit: tests('mutex-abort', 'mutex-faults'),
  },
  {
    name: 'any-predecessor-gone-is-the-grant',
    was: 'etcd3 #176: a middle candidate leaves → second leader',
    edits: [{ file: kernel('line'), find: 'sole: index === 1 }', replace: 'sole: true }' }],
    simulation: mutex,
    unit: tests('line', 'mutex'),
  },
  {
    name: 'all-waiters-watch-the-holder',
    was: 'npm lock packages, Curator 24: herd',
    edits: [
      {
        file: kernel('line'),
        find: 'const contender = contenders[index - 1]',
        replace: 'const contender = index > 0 ? contenders[0] : undefined',
      },
    ],
    unit: tests('line', 'mutex'),
  },
  {
    name: 'sequences-compared-as-strings',
    was: 'Curator (cversion at 2^31−1), kazoo #606, #730: two holders',
    edits: [
      {
        file: kernel('sequence'),
        find: 'return (a - b) | 0',
        replace:
          'return formatSequence(a) < formatSequence(b) ? -1 : formatSequence(a) === formatSequence(b) ? 0 : 1',
      },
    ],
    simulation: mutex,
    unit: tests('sequence', 'mutex', 'counter-end'),
  },
  {
    name: 'whole-names-sorted',
    was: 'ZooKeeper 2931: the shipped lock recipe → two holders',
    edits: [
      {
        file: kernel('line'),
        find: 'contenders.sort((a, b) => compareSequence(a.sequence, b.sequence))',
        replace: 'contenders.sort((a, b) => (a.name < b.name ? -1 : 1))',
      },
    ],
    simulation: mutex,
    unit: tests('line', 'mutex'),
  },
  {
    name: 'order-by-number-where-numbers-repeat',
    was: 'the counter of real servers sticks at 2^31−1 (found here): two holders',
    edits: [
      {
        file: kernel('birth-order'),
        find: 'return sequence === LAST || sequence < ZONE - LAST',
        replace: 'return false && sequence === ZONE',
      },
    ],
    unit: tests('counter-end'),
  },
  {
    name: 'foreign-child-blocks-the-lock',
    was: 'Curator 43: a child `!x` blocks the mutex',
    edits: [
      {
        file: kernel('line'),
        find: 'if (digits === undefined) return undefined',
        replace: 'if (digits === undefined) return own - 1',
      },
      {
        file: kernel('turn'),
        find: 'return owner === 0n || owner === CONTAINER_OWNER',
        replace: 'return owner === CONTAINER_OWNER',
      },
    ],
    unit: tests('line', 'mutex'),
  },
  {
    name: 'foreign-child-is-an-error',
    was: 'go-zookeeper: a foreign child makes the lock fail',
    edits: [
      {
        file: kernel('line'),
        find: '    strangers.push(name)\n',
        replace: "    throw new Error('a child that is no contender: ' + name)\n",
      },
    ],
    unit: tests('line', 'mutex'),
  },
  {
    name: 'vanished-predecessor-waited-for',
    was: 'npm lock packages: vanishes between list and watch → waits for ever',
    edits: [
      {
        file: kernel('deletion-watch'),
        find: "this.#end(hasCode(error, 'NO_NODE') ? { how: 'gone', unread: changed } : { how: 'blind', error })",
        replace: "if (!hasCode(error, 'NO_NODE')) this.#end({ how: 'blind', error })",
      },
    ],
    simulation: mutex,
    unit: tests('mutex'),
  },
  {
    name: 'vanished-predecessor-is-an-error',
    was: 'npm lock packages; Curator 358',
    edits: [
      {
        file: kernel('deletion-watch'),
        find: "this.#end(hasCode(error, 'NO_NODE') ? { how: 'gone', unread: changed } : { how: 'blind', error })",
        replace: "this.#end({ how: 'blind', error })",
      },
    ],
    simulation: mutex,
    unit: tests('mutex'),
  },
  {
    name: 'exists-watch-left-on-a-deleted-znode',
    was: 'Curator 107',
    edits: [
      {
        file: kernel('deletion-watch'),
        find: 'const { data, stat } = await this.#zk.get(this.path, { watch: this.#listener, generation })',
        replace:
          "const stat = await this.#zk.exists(this.path, { watch: this.#listener, generation })\n      const data = Buffer.alloc(0)\n      if (stat === undefined) this.#end({ how: 'gone', unread: changed })",
      },
    ],
    simulation: mutex,
    unit: tests('mutex'),
  },
  {
    name: 'watch-kept-after-giving-up',
    was: 'kazoo #175, npm zookeeper: watchers leak for ever',
    edits: [
      { file: kernel('deletion-watch'), find: '    void this.#takeBack(this.#reading)\n', replace: '' },
    ],
    simulation: mutex,
    unit: tests('mutex-abort'),
  },
  {
    name: 'limit-bounds-only-the-wait',
    was: 'Curator: acquire with a 1 s limit, server down → fails after 23 s',
    edits: [
      {
        file: kernel('enqueue'),
        find: 'return beforeRetry(zk, repetition, attempt.signal)',
        replace: 'return beforeRetry(zk, repetition, new AbortController().signal)',
      },
    ],
    simulation: mutex,
    unit: tests('mutex-abort'),
  },
  {
    name: 'limit-starts-again-on-each-wake',
    was: 'kazoo: the time limit starts again on each wake',
    edits: [
      {
        file: kernel('attempt'),
        find: '    this.signal = this.#deadline.signal\n',
        replace:
          "    this.signal = this.#deadline.signal\n    Object.defineProperty(this, 'signal', { get: () => new Deadline(zk.runtime.clock, bound, timeout).signal })\n",
      },
    ],
    simulation: mutex,
    unit: tests('mutex-abort'),
  },
  {
    name: 'still-acquired-after-the-session-is-lost',
    was: 'Curator 604, kazoo: is_acquired stays true after LOST',
    edits: [
      {
        file: kernel('vigil'),
        find: 'onAbort(session.signal, () => this.#lose(lossOf(session, path)))',
        replace: '() => undefined',
      },
    ],
    simulation: mutex,
    unit: tests('mutex-loss'),
  },
  {
    name: 'session-not-checked-after-the-wait',
    was: 'etcd #11456: lease not re-checked after waiting',
    edits: [
      {
        file: kernel('contender-queue'),
        find: "if (place.session.signal.aborted || isLostAtOnce(this.spec.lossPolicy, zk)) turn = 'session-over'",
        replace: '',
      },
      {
        file: kernel('turn'),
        find: "    if (place.session.signal.aborted) return 'session-over'\n",
        replace: '',
      },
      {
        file: kernel('turn'),
        find: "const unlisten = onAbort(session.signal, () => woken.resolve('session-over'))",
        replace: 'const unlisten = () => undefined',
      },
    ],
    simulation: mutex,
    unit: tests('mutex-faults', 'mutex-loss'),
  },
  {
    name: 'events-of-two-connections-taken-for-one-order',
    was: 'found here: restored watches fire in any order; kazoo #170',
    edits: [
      {
        file: kernel('turn'),
        find: "if (ownStands === undefined || !sameConnection()) return 'look'",
        replace: "if (ownStands === undefined) return 'look'",
      },
      {
        file: kernel('turn'),
        find: 'return certain && sameConnection() && !place.deleted && !session.signal.aborted',
        replace: 'return (certain || true)',
      },
    ],
    simulation: mutex,
    unit: tests('mutex-loss'),
  },
  {
    name: 'container-made-once-only',
    was: 'kazoo #563: parent removed between ensure and create',
    edits: [
      {
        file: kernel('enqueue'),
        find: "if (hasCode(error, 'NO_NODE')) await makeContainer(spec, attempt)",
        replace: "if (hasCode(error, 'NO_NODE') && repetition === 0) await makeContainer(spec, attempt)",
      },
    ],
    simulation: mutex,
    unit: tests('mutex'),
  },
  {
    name: 'error-of-the-release-masks-the-users',
    was: 'redlock #309, #65',
    edits: [
      {
        file: kernel('run-held'),
        find: '    await releaseQuietly(hold, logger)\n',
        replace: '    await hold.release()\n',
      },
    ],
    unit: tests('mutex-run'),
  },
  {
    name: 'loss-during-run-not-told',
    was: 'redlock #185; Curator 604: cannot tell lost from done',
    edits: [{ file: kernel('run-held'), find: '  if (known !== undefined) throw known\n', replace: '' }],
    unit: tests('mutex-run'),
  },
  {
    name: 'refused-delete-forgotten',
    was: 'kazoo: cleanup errors swallowed; etcd: cleanup errors dropped',
    edits: [
      {
        file: kernel('janitor'),
        find: '          onRefused?.(error)\n',
        replace: "          onRefused?.(error)\n          return 'deleted'\n",
      },
    ],
    unit: tests('janitor'),
  },
]
