/** How every subject written in JavaScript is started: the worker, in a process of its own, with the subject's module. */
import { fileURLToPath } from 'node:url'
import type { Launch } from './subject.js'

const worker = fileURLToPath(new URL('../worker.ts', import.meta.url))

export function launchWorker(module: string, version: string): Launch {
  return { command: process.execPath, args: [...process.execArgv, worker, module], version }
}
