/** The scripted model's process, as the sections use it. */
import { join } from 'node:path';
import { Child } from './child.ts';
import type { Exchange } from './model-server-main.ts';

const START_MS = 10_000;

export class ScriptedModel implements AsyncDisposable {
  readonly baseUrl: string;
  readonly #child: Child;

  private constructor(child: Child, baseUrl: string) {
    this.#child = child;
    this.baseUrl = baseUrl;
  }

  static async start(): Promise<ScriptedModel> {
    const child = new Child(join(import.meta.dirname, 'model-server-main.ts'));
    try {
      const { baseUrl } = await child.next<{ baseUrl: string }>('listening', START_MS);
      return new ScriptedModel(child, baseUrl);
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  /** The next request that is wanted. @throws when none comes in time */
  request(timeoutMs: number, wanted: (exchange: Exchange) => boolean): Promise<Exchange> {
    return this.#child.next<Exchange>('request', timeoutMs, wanted);
  }

  /** Resolves when the model has said that the work is finished. @throws when that takes too long */
  async done(id: string, timeoutMs: number): Promise<void> {
    await this.#child.next<{ id: string }>('done', timeoutMs, (one) => one.id === id);
  }

  /** Resolves when every one of them has made its first request as a programmer. @throws when that takes too long */
  async started(ids: readonly string[], timeoutMs: number): Promise<void> {
    const missing = new Set(ids);
    await this.request(
      timeoutMs,
      ({ id, role }) => (role === 'programmer' || role === 'bare') && missing.delete(id) && missing.size === 0,
    );
  }

  /** All exchanges since the last time. */
  take(): Promise<Exchange[]> {
    return this.#child.call<Exchange[]>('take');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child.stop();
  }
}

/** Answer sent → next request received, for each command of a session; in order. */
export function stepTimes(exchanges: readonly Exchange[], id: string): number[] {
  const own = exchanges.filter((one) => one.id === id && (one.role === 'programmer' || one.role === 'bare'));
  own.sort((a, b) => a.call - b.call);
  return own.slice(1).map((exchange, index) => exchange.receivedAt - (own[index]?.answeredAt ?? Number.NaN));
}
