/** Lets faults strike a simulated cluster, and ends those that last. */
import type { Client, Timer } from '../../index.js'
import type { Fault as ArmedFault, EmbeddedServer } from '../../server/index.js'
import type { VirtualClock } from '../../runtime/virtual-clock.js'
import { FRONT, type ProcessFault, type SimulatedFault } from './faults.js'
import type { History } from './history.js'
import type { Machine } from './machine.js'

export interface InjectorSetting {
  readonly clock: VirtualClock
  readonly server: EmbeddedServer
  readonly history: History
  readonly machines: ReadonlyMap<string, Machine>
  /** Whom no fault touches. */
  readonly operator: () => Promise<Client>
}

export class FaultInjector {
  readonly #setting: InjectorSetting
  /** Those that last, and how to end them. */
  readonly #lasting = new Set<() => void>()
  /** Requests and replies that are to be lost, by process. */
  readonly #armed = new Map<string, ArmedFault>()
  #next: Timer | undefined
  #plan: Iterator<SimulatedFault> | undefined
  #serverDown = false
  readonly #counts = new Map<SimulatedFault['kind'], number>()

  constructor(setting: InjectorSetting) {
    this.#setting = setting
  }

  /** Faults that have struck, by kind. What found nothing to strike is not counted. */
  get counts(): ReadonlyMap<SimulatedFault['kind'], number> {
    return this.#counts
  }

  /** Lets each fault of the plan strike at its time, counted from now. Replaces a plan that is under way. */
  follow(plan: Iterable<SimulatedFault>): void {
    this.#next?.cancel()
    this.#plan = plan[Symbol.iterator]()
    this.#await(this.#setting.clock.now())
  }

  #await(start: number): void {
    const next = this.#plan?.next()
    if (next === undefined || next.done === true) return
    const fault = next.value
    const { clock } = this.#setting
    this.#next = clock.setTimer(Math.max(0, start + fault.atMs - clock.now()), () => {
      this.strike(fault)
      this.#await(start)
    })
  }

  /** Ends the plan and every fault that lasts. Processes that are down stay so until their time. */
  heal(): void {
    this.#next?.cancel()
    this.#next = undefined
    this.#plan = undefined
    for (const armed of this.#armed.values()) armed.cancel()
    this.#armed.clear()
    for (const end of [...this.#lasting]) end()
  }

  strike(fault: SimulatedFault): void {
    if (!this.#begin(fault)) return
    this.#counts.set(fault.kind, (this.#counts.get(fault.kind) ?? 0) + 1)
  }

  #tell(fault: SimulatedFault, phase: 'begin' | 'end'): void {
    this.#setting.history.add({ source: 'fault', atMs: this.#setting.clock.now(), fault, phase })
  }

  /** False if there is nothing that it could strike. */
  #begin(fault: SimulatedFault): boolean {
    if (fault.kind === 'restart') return this.#restart(fault)
    if (fault.kind === 'serverWallStep') {
      this.#tell(fault, 'begin')
      this.#setting.clock.stepWall(fault.byMs)
      return true
    }
    const machine = fault.process === FRONT ? this.#front() : this.#setting.machines.get(fault.process)
    if (machine === undefined || machine.process.state === 'dead') return false
    return this.#strikeProcess({ ...fault, process: machine.name }, machine)
  }

  #front(): Machine | undefined {
    const { server, machines } = this.#setting
    const owned = new Map(server.control.sessions().map(({ id, ephemerals }) => [id, ephemerals]))
    const places = [...machines.values()].flatMap((machine) => {
      const session = machine.process.clients.at(-1)?.session
      const paths = session === undefined ? [] : (owned.get(session.id) ?? [])
      return paths.map((path) => ({ machine, sequence: Number(/\d{10}$/.exec(path)?.[0] ?? 0) }))
    })
    return places.sort((a, b) => a.sequence - b.sequence)[0]?.machine
  }

  #strikeProcess(fault: ProcessFault & SimulatedFault, machine: Machine): boolean {
    const { process, link } = machine
    const session = process.clients.at(-1)?.session
    switch (fault.kind) {
      case 'requestLost':
      case 'replyLost':
        return session !== undefined && this.#arm(fault, machine, session.id)
      case 'expire':
        if (session === undefined) return false
        this.#tell(fault, 'begin')
        return this.#setting.server.control.expireSession(session.id)
      case 'delete':
        return session !== undefined && this.#delete(fault, session.id)
      case 'reset':
        this.#tell(fault, 'begin')
        process.reset()
        return true
      case 'wallStep':
        this.#tell(fault, 'begin')
        process.stepWall(fault.byMs)
        return true
      case 'crash':
        this.#tell(fault, 'begin')
        machine.crash(fault.silent)
        this.#last(fault, fault.downMs, () => machine.boot())
        return true
      case 'partition': {
        this.#tell(fault, 'begin')
        const heals = fault.directions.map((direction) => link.cut(direction))
        this.#last(fault, fault.forMs, () => {
          for (const heal of heals) heal()
        })
        return true
      }
      case 'slow':
        this.#tell(fault, 'begin')
        this.#last(fault, fault.forMs, link.slow(fault.addedMs))
        return true
      case 'stall':
        this.#tell(fault, 'begin')
        this.#last(fault, fault.forMs, process.stall(fault.networkFirst ? 'network-first' : 'timers-first'))
        return true
    }
  }

  #delete(fault: SimulatedFault & { pick: number }, session: bigint): boolean {
    const { server, operator } = this.#setting
    const { ephemerals } = server.control.sessions().find(({ id }) => id === session) ?? { ephemerals: [] }
    const path = ephemerals[Math.floor(fault.pick * ephemerals.length)]
    if (path === undefined) return false
    this.#tell(fault, 'begin')
    // It may be gone before, or the server may go down: then the operator had no luck.
    void operator()
      .then(async (zk) => zk.delete(path))
      .catch(() => undefined)
    return true
  }

  #arm(fault: SimulatedFault & { skip: number }, machine: Machine, session: bigint): boolean {
    const { name } = machine
    this.#armed.get(name)?.cancel()
    let left = fault.skip
    const { control } = this.#setting.server
    const match = { session, where: () => left-- <= 0 }
    const armed = fault.kind === 'replyLost' ? control.dropAfter(match) : control.dropBefore(match)
    this.#armed.set(name, armed)
    void armed.fired.then(() => {
      if (this.#armed.get(name) === armed) this.#armed.delete(name)
    })
    this.#tell(fault, 'begin')
    return true
  }

  #restart(fault: SimulatedFault & { kind: 'restart' }): boolean {
    if (this.#serverDown) return false
    const { server, machines } = this.#setting
    this.#serverDown = true
    this.#tell(fault, 'begin')
    // Of a machine that is gone nobody hears: what the server says at its end gets nowhere until it is back.
    const links = fault.silent ? [...machines.values()].map(({ link }) => link) : []
    const heals = links.flatMap((link) => [link.cut('toServer'), link.cut('toClient')])
    const stopped = server.stop()
    this.#last(fault, fault.downMs, () => {
      void stopped.then(async () => {
        await server.start()
        this.#serverDown = false
        for (const heal of heals) heal()
      })
    })
    return true
  }

  /** Has `end` called once, after `forMs` or when all is healed. */
  #last(fault: SimulatedFault, forMs: number, end: () => void): void {
    const finish = (): void => {
      if (!this.#lasting.delete(finish)) return
      timer.cancel()
      end()
      this.#tell(fault, 'end')
    }
    this.#lasting.add(finish)
    const timer = this.#setting.clock.setTimer(forMs, finish)
  }
}
