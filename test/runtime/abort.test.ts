import { getEventListeners } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import { abortable, onAbort, quietController } from '../../src/runtime/abort.js'

test('any number of calls may be given one signal: it has one listener of ours, and none when all have ended', () => {
  const controller = new AbortController()
  const { signal } = controller
  const stops = Array.from({ length: 50 }, () => onAbort(signal, () => undefined))
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  for (const stop of stops) stop()
  for (const stop of stops) stop()
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  const heard = vi.fn()
  onAbort(signal, heard)
  controller.abort('enough')
  expect(heard).toHaveBeenCalledExactlyOnceWith('enough')
})

test('they are told in order; one that stopped, even meanwhile, is not, and one that comes too late is told at once', () => {
  const controller = new AbortController()
  const { signal } = controller
  const told: string[] = []
  onAbort(signal, () => {
    told.push('first')
    stopThird()
    onAbort(signal, () => told.push('late'))
  })
  const stopSecond = onAbort(signal, () => told.push('second'))
  const stopThird = onAbort(signal, () => told.push('third'))
  onAbort(signal, () => told.push('fourth'))
  stopSecond()
  controller.abort()
  expect(told).toEqual(['first', 'late', 'fourth'])
})

test('one that throws keeps the news from nobody, and its error is not swallowed', async () => {
  const controller = new AbortController()
  const thrown = new Promise((resolve) => {
    const nextTick = vi.spyOn(process, 'nextTick').mockImplementation((fn: unknown) => {
      try {
        ;(fn as () => void)()
      } catch (error) {
        resolve(error)
      }
    })
    onTestFinished(() => nextTick.mockRestore())
  })
  const heard = vi.fn()
  onAbort(controller.signal, () => {
    throw new Error('mine')
  })
  onAbort(controller.signal, heard)
  controller.abort()
  expect(heard).toHaveBeenCalledOnce()
  expect(await thrown).toMatchObject({ message: 'mine' })
})

test('the listeners of a signal of ours are told once, with its reason, and cost no listener of an event', async () => {
  const controller = quietController()
  const { signal } = controller
  const told: unknown[] = []
  onAbort(signal, (reason) => told.push('first', reason))
  const stop = onAbort(signal, () => told.push('stopped'))
  signal.addEventListener('abort', () => told.push('event'))
  const waiting = abortable(new Promise(() => undefined), signal)
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  stop()
  onAbort(signal, () => {
    told.push('last')
    controller.abort('from within')
  })
  controller.abort('why')
  controller.abort('again')
  await expect(waiting).rejects.toBe('why')
  expect(told).toEqual(['event', 'first', 'why', 'last'])
  expect(signal.reason).toBe('why')
})

test('a signal of ours that aborted already tells at once', () => {
  const controller = quietController()
  controller.abort('why')
  const heard = vi.fn()
  onAbort(controller.signal, heard)
  expect(heard).toHaveBeenCalledExactlyOnceWith('why')
  expect(AbortSignal.any([controller.signal]).reason).toBe('why')
})
