/** A subject that knows locks and no znodes. */
import type { MutexWorkload } from './subjects/recipes.js'
import type { Done, Driver } from './subjects/subject.js'

export function lockDriver({ prepare, close }: MutexWorkload & Pick<Driver, 'close'>): Driver {
  const refuse = (done: Done): void => done(new Error('it knows locks only'))
  return {
    get: (_, done) => refuse(done),
    set: (_path, _data, done) => refuse(done),
    create: (_path, _data, done) => refuse(done),
    delete: (_, done) => refuse(done),
    mutex: { prepare },
    close,
  }
}
