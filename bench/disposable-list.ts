/** What ends with the bench: all at once. Node 20 has no AsyncDisposableStack. */
export class DisposableList implements AsyncDisposable {
  readonly #items: AsyncDisposable[] = []

  add<T extends AsyncDisposable>(item: T): T {
    this.#items.push(item)
    return item
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#items.map(async (item) => item[Symbol.asyncDispose]()))
  }
}
