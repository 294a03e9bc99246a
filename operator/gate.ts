/** Lets so many in at a time, first come, first served. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    if (!(most >= 1)) throw new RangeError(`a gate that lets ${most} in lets nobody in`);
    this.#free = most;
  }

  /**
   * Resolves when there is room; dispose of the result to leave.
   * @param options first: before all others that wait, for those who have been inside and have half of their work behind them
   * @throws the signal's reason when it aborts first
   */
  async enter(signal: AbortSignal, { first = false }: { first?: boolean } = {}): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal, first);
    let inside = true;
    return {
      [Symbol.dispose]: () => {
        if (!inside) return;
        inside = false;
        const next = this.#waiting.shift();
        if (next) next();
        else this.#free++;
      },
    };
  }

  /** Whoever leaves hands their place to the first in the row. */
  #turn(signal: AbortSignal, first: boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onTurn = () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    const onAbort = () => {
      this.#waiting.splice(this.#waiting.indexOf(onTurn), 1);
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (first) this.#waiting.unshift(onTurn);
    else this.#waiting.push(onTurn);
    return promise;
  }
}
