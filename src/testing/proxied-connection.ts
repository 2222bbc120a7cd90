/**
 * One connection through a proxy: the client's socket, the server's, a lane each way, and the faults that wait for a
 * frame of it.
 *
 * Not obvious:
 * - While a direction is held, the end of a connection does not pass in that direction either: that is what makes it
 *   half-open. A direction that is only paused lets it pass.
 * - A cut is put in line behind what was sent before, so what came before the fault arrives.
 */
import { Socket } from 'node:net'
import type { Runtime } from '../runtime/runtime.js'
import { FrameGate } from './frame-gate.js'
import type { Injection } from './injection.js'
import type { ProxiedRequest } from './proxied-request.js'
import { requestIn } from './proxied-request.js'
import type { LinkShape } from './proxy-lane.js'
import { ProxyLane } from './proxy-lane.js'

const LENGTH_BYTES = 4
const NEVER_SENT_XID = 0x7abcdef0
const MAX_FRAME_BYTES = 16 * 1024 * 1024

export type LinkDirection = 'toServer' | 'toClient'

/** What a connection is told by its proxy, and tells it. */
export interface ConnectionRules {
  readonly runtime: Runtime
  readonly looksForFrames: boolean
  shape(direction: LinkDirection): LinkShape
  isHeld(direction: LinkDirection): boolean
  isPaused(direction: LinkDirection): boolean
  faultFor(request: ProxiedRequest): Injection | undefined
  count(what: 'request' | 'reply'): void
  onFault(injection: Injection, request: ProxiedRequest): void
  onClose(connection: ProxiedConnection): void
}

interface Awaited {
  readonly injection: Injection
  readonly request: ProxiedRequest
}

export class ProxiedConnection {
  readonly #rules: ConnectionRules
  readonly #near: Socket
  readonly #far: Socket
  readonly #lanes: Readonly<Record<LinkDirection, ProxyLane>>
  readonly #requests = new FrameGate(MAX_FRAME_BYTES)
  readonly #replies = new FrameGate(MAX_FRAME_BYTES)
  /** By xid; the handshake has the xid 0, which no request has. */
  readonly #awaited = new Map<number, Awaited>()
  #shakenHands = { request: false, reply: false }
  /** Nothing more is read from either end. */
  #isCut = false
  #closed = 0
  #dialled = false

  constructor(near: Socket, rules: ConnectionRules) {
    const far = new Socket({ allowHalfOpen: true })
    far.setNoDelay(true)
    this.#rules = rules
    this.#near = near
    this.#far = far
    const lane = (direction: LinkDirection, source: Socket, target: Socket): ProxyLane =>
      new ProxyLane(rules.runtime, source, target, {
        shape: () => rules.shape(direction),
        isHeld: () => rules.isHeld(direction) || rules.isPaused(direction),
      })
    this.#lanes = { toServer: lane('toServer', near, far), toClient: lane('toClient', far, near) }
    near.on('data', (chunk: Buffer) => this.#fromClient(chunk))
    far.on('data', (chunk: Buffer) => this.#fromServer(chunk))
    this.#passEnds(near, far, 'toServer', this.#requests)
    this.#passEnds(far, near, 'toClient', this.#replies)
  }

  /** Connects to the server, once: not while nothing reaches it. */
  dial(target: { readonly host: string; readonly port: number }): void {
    if (this.#dialled || this.#far.destroyed) return
    this.#dialled = true
    this.#far.connect(target)
  }

  /** Goes on where it was held back. */
  pump(): void {
    this.#lanes.toServer.pump()
    this.#lanes.toClient.pump()
  }

  /** Bytes of nobody, in line with the others. */
  send(direction: LinkDirection, bytes: Buffer): void {
    this.#lanes[direction].send(bytes)
  }

  cut(how: 'reset' | 'end'): void {
    this.#isCut = true
    for (const { injection } of this.#awaited.values()) injection.missed()
    this.#awaited.clear()
    this.#lanes.toServer.close()
    this.#lanes.toClient.close()
    if (how === 'reset') this.#near.resetAndDestroy()
    else {
      this.#near.end()
      // Whoever never closes its side must not keep it.
      this.#near.destroySoon()
    }
    this.#far.destroy()
  }

  #passEnds(source: Socket, target: Socket, direction: LinkDirection, gate: FrameGate): void {
    let hadError = false
    const pass = (act: () => void): void => {
      if (this.#isCut) return
      // What a pause holds back is lost with the connection.
      if (this.#rules.isPaused(direction) && !this.#rules.isHeld(direction)) act()
      else this.#lanes[direction].then(act)
    }
    source.on('error', () => (hadError = true))
    source.on('end', () => {
      if (!this.#dialled) return void source.destroy()
      this.#lanes[direction].send(gate.takeRest())
      pass(() => target.end())
    })
    source.on('close', () => {
      this.#closed++
      // The server never heard of it.
      if (!this.#dialled) target.destroy()
      pass(() => {
        if (hadError) target.resetAndDestroy()
        else target.destroySoon()
      })
      if (this.#closed === 2) this.#end()
    })
  }

  #end(): void {
    for (const { injection } of this.#awaited.values()) injection.missed()
    this.#awaited.clear()
    this.#lanes.toServer.close()
    this.#lanes.toClient.close()
    this.#rules.onClose(this)
  }

  #fromClient(chunk: Buffer): void {
    if (this.#isCut) return
    if (!this.#rules.looksForFrames) return this.#lanes.toServer.send(chunk)
    this.#requests.push(chunk, {
      bytes: (bytes) => this.#lanes.toServer.send(bytes),
      frame: (frame) => this.#onRequest(frame),
    })
  }

  #onRequest(frame: Buffer): void {
    if (this.#isCut) return
    const request = requestIn(frame, !this.#shakenHands.request)
    this.#shakenHands.request = true
    const lane = this.#lanes.toServer
    if (request === undefined) return lane.send(frame)
    this.#rules.count('request')
    const injection = this.#rules.faultFor(request)
    if (injection === undefined) return lane.send(frame)
    if (injection.fault !== 'drop-before' && injection.fault !== 'truncate-request') {
      // The same xid once more (auth has but one): the earlier one is not waited for any longer.
      this.#awaited.get(request.xid)?.injection.missed()
      this.#awaited.set(request.xid, { injection, request })
      return lane.send(frame)
    }
    if (injection.fault === 'truncate-request') lane.send(frame.subarray(0, frame.length / 2))
    this.#cutBehind('toServer', { injection, request })
  }

  #fromServer(chunk: Buffer): void {
    if (this.#isCut) return
    if (!this.#rules.looksForFrames) return this.#lanes.toClient.send(chunk)
    this.#replies.push(chunk, {
      bytes: (bytes) => this.#lanes.toClient.send(bytes),
      frame: (frame) => this.#onReply(frame),
    })
  }

  #onReply(frame: Buffer): void {
    if (this.#isCut) return
    this.#rules.count('reply')
    const isHandshake = !this.#shakenHands.reply
    this.#shakenHands.reply = true
    const isReply = isHandshake || frame.length >= LENGTH_BYTES + 4
    const xid = isHandshake ? 0 : isReply ? frame.readInt32BE(LENGTH_BYTES) : undefined
    const awaited = xid === undefined ? undefined : this.#awaited.get(xid)
    if (xid === undefined || awaited === undefined) return this.#lanes.toClient.send(frame)
    this.#awaited.delete(xid)
    this.#spoil(awaited, frame)
  }

  #spoil(awaited: Awaited, frame: Buffer): void {
    const lane = this.#lanes.toClient
    switch (awaited.injection.fault) {
      case 'truncate-reply':
        lane.send(frame.subarray(0, Math.ceil(frame.length / 2)))
        return this.#cutBehind('toClient', awaited)
      case 'bad-length':
        frame.writeInt32BE(-2, 0)
        break
      case 'unknown-xid':
        if (frame.length >= LENGTH_BYTES + 4) frame.writeInt32BE(NEVER_SENT_XID, LENGTH_BYTES)
        break
      case 'junk':
        this.#rules.runtime.random.bytes(frame.length - LENGTH_BYTES).copy(frame, LENGTH_BYTES)
        break
      default:
        return this.#cutBehind('toClient', awaited)
    }
    this.#rules.onFault(awaited.injection, awaited.request)
    lane.send(frame)
  }

  /** Both ends, when what is in line in `direction` has gone. From now on nothing more is passed. */
  #cutBehind(direction: LinkDirection, { injection, request }: Awaited): void {
    this.#isCut = true
    this.#rules.onFault(injection, request)
    this.#lanes[direction].then(() => this.cut(injection.cut))
  }
}
