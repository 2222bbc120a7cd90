/** Schedulers on a virtual clock, whose calendar starts at 2023-11-14T22:13:20Z, and what they run. */
import { LeaderCron, type Client, type CronRun, type LeaderCronOptions } from 'latchkey'
import type { StartServerOptions } from 'latchkey/server'
import { Cluster } from './cluster.js'

export const CRON = '/app/cron'

export class Crons implements AsyncDisposable {
  readonly cluster: Cluster
  readonly zks: Client[] = []
  readonly crons: LeaderCron[] = []
  /** `<id> <due, ISO>` of each start of a task, in order. */
  readonly runs: string[] = []

  private constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  static async start(
    count: number,
    options: LeaderCronOptions = {},
    server: StartServerOptions = {},
  ): Promise<Crons> {
    const crons = new Crons(await Cluster.start(server))
    for (let i = 0; i < count; i++) {
      const zk = await crons.cluster.client()
      crons.zks.push(zk)
      crons.crons.push(new LeaderCron(zk, CRON, { id: `p${i}`, ...options }))
    }
    return crons
  }

  /** A task that notes its runs. */
  task(index: number): (run: CronRun) => void {
    return ({ due }) => void this.runs.push(`p${index} ${due.toISOString().slice(0, 19)}`)
  }

  /** Starts them one after the other, so that the first leads. */
  async startAll(): Promise<void> {
    for (const cron of this.crons) {
      await this.cluster.until(cron.start())
      await this.cluster.quiet()
    }
  }

  get clock(): Cluster['clock'] {
    return this.cluster.clock
  }

  async pass(ms: number): Promise<void> {
    await this.cluster.pass(ms)
  }

  /** To `hh:mm:ss` of the day, by the wall clock. */
  async passTo(time: string): Promise<void> {
    const now = new Date(this.clock.wall()).toISOString()
    const then = Date.parse(`${now.slice(0, 11)}${time}Z`)
    await this.pass(then - this.clock.wall())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { cluster, crons } = this
    cluster.control.clearFaults()
    await cluster.until(Promise.all(crons.map(async (cron) => cron.close())))
    await cluster.expectNothingLeft(`${CRON}/leader`)
    await cluster[Symbol.asyncDispose]()
  }
}
