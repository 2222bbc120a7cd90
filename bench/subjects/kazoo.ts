/** kazoo's recipes on Python (bench/peers/kazoo): the first interpreter that has kazoo. */
import { join } from 'node:path'
import { firstLine } from '../command.js'
import { repository } from '../paths.js'
import type { Subject } from './subject.js'

const script = join(repository, 'bench', 'peers', 'kazoo', 'bench.py')

export const kazoo: Subject = {
  name: 'kazoo',
  benches: ['client', 'watch', 'contention', 'fail-over', 'memory', 'mutex', 'semaphore', 'queue', 'counter'],
  lacks: {
    'mutex-not-awaited': 'its release always waits',
    'delete-event': 'it is for the limit alone',
  },
  async launch() {
    for (const python of [process.env['LATCHKEY_PYTHON'] ?? 'python3', '/usr/bin/python3']) {
      const version = await firstLine(python, ['-c', 'import kazoo; print(kazoo.__version__)'])
      if (version !== undefined) return { command: python, args: [script], version }
    }
    return { missing: 'no Python with kazoo: install python3-kazoo or set LATCHKEY_PYTHON' }
  },
}
