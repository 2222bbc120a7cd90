/** One client's own way to an ensemble: a fault proxy in front of each server. */
import { FaultProxy, type FaultProxyOptions, type ProxyTarget } from './fault-proxy.js'

export class ProxiedEnsemble implements AsyncDisposable {
  /** In the order of the servers. */
  readonly proxies: readonly FaultProxy[]
  /** For the client that these proxies are for. */
  readonly connectString: string

  private constructor(proxies: readonly FaultProxy[]) {
    this.proxies = proxies
    this.connectString = proxies.map((proxy) => proxy.connectString).join(',')
  }

  /** @param options - as of `FaultProxy`; with a seed, each proxy has one of its own made from it. */
  static async start(
    servers: readonly ProxyTarget[],
    options: Omit<FaultProxyOptions, 'port'> = {},
  ): Promise<ProxiedEnsemble> {
    const { seed } = options
    const proxies = servers.map(async (server, index) =>
      FaultProxy.inFrontOf(server, seed === undefined ? options : { ...options, seed: seed + index }),
    )
    return new ProxiedEnsemble(await Promise.all(proxies))
  }

  async heal(): Promise<void> {
    await Promise.all(this.proxies.map(async (proxy) => proxy.heal()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.proxies.map(async (proxy) => proxy[Symbol.asyncDispose]()))
  }
}
