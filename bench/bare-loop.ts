/** The bare loop's process, as the sections use it. */
import { join } from 'node:path';
import { Child } from './child.ts';
import type { Workload } from './workload.ts';

const START_MS = 10_000;

export class BareLoop implements AsyncDisposable {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Resolves once the SDK is loaded. */
  static async start(baseUrl: string): Promise<BareLoop> {
    const child = new Child(join(import.meta.dirname, 'bare-loop-main.ts'), { args: [baseUrl] });
    try {
      await child.next('ready', START_MS);
      return new BareLoop(child);
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.process.pid ?? 0;
  }

  /** Begins the workloads, all at the same time. */
  begin(workloads: readonly Workload[]): void {
    // The model says when they are done; a loop that is stopped before answers nothing.
    this.#child.call('run', workloads).catch(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child.stop();
  }
}
