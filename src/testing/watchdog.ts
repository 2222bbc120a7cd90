/**
 * Ends what this process started, even if this process is killed.
 *
 * A small shell, in a session of its own, reads from a pipe what is to be ended; when the pipe closes, for whatever
 * reason, it ends all of it. So neither a crash, nor SIGKILL, nor a test runner that drops its worker leaves servers
 * behind, and no exit or signal handler has to be installed in the user's process.
 *
 * Lines: `+ process 123`, `- process 123`; likewise `container ID`, `network ID` and `directory PATH`.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'

export type Kept = 'process' | 'container' | 'network' | 'directory'

/** A killed server stops writing only when it is gone, so directories go last; containers before their network. */
const SCRIPT = `
list=''
while read -r op kind name; do
  if [ "$op" = + ]; then list="$list
$kind $name"
  else list=$(printf '%s\\n' "$list" | grep -vxF "$kind $name")
  fi
done
each() { printf '%s\\n' "$list" | while read -r kind name; do [ "$kind" != "$1" ] || "$2" "$name"; done; }
end_process() { kill -KILL "$1"; while kill -0 "$1"; do sleep 0.05; done; }
end_container() { docker rm -f -v "$1"; }
end_network() { docker network rm "$1"; }
end_directory() { rm -rf -- "$1"; }
each process end_process
each container end_container
each network end_network
each directory end_directory
`

export class Watchdog {
  readonly #shell: ChildProcess
  readonly #pipe: Writable

  constructor() {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    this.#pipe = this.#shell.stdin as Writable
    // Whoever waits for nothing else may end: the pipe closes, and the shell does its work.
    this.#shell.unref()
    ;(this.#pipe as Writable & { unref?: () => void }).unref?.()
    // A watchdog that could not start, or was killed, takes the protection with it, but no test.
    this.#shell.on('error', () => undefined)
    this.#pipe.on('error', () => undefined)
  }

  keep(kind: Kept, name: string | number): void {
    this.#pipe.write(`+ ${kind} ${name}\n`)
  }

  forget(kind: Kept, name: string | number): void {
    this.#pipe.write(`- ${kind} ${name}\n`)
  }

  /** Ends whatever is still kept. */
  close(): void {
    this.#pipe.end()
  }
}
