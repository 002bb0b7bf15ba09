/** Pieces of work that are begun in order, so many at a time, and end in any. */
export class UnderWay implements AsyncDisposable {
  readonly #most: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** @param most pieces at once. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Begins a piece as soon as there is room for it. @throws what an earlier one threw: nothing is begun then. */
  async begin(work: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#most) await Promise.race(this.#running);
    this.#throwFailure();
    const running: Promise<void> = work()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when nothing is under way. @throws what the first that failed threw. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwFailure();
  }

  /** Waits for what is under way, whatever becomes of it: there is another error to be thrown, or none. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
