/** Timers that run only when a test says so, while sockets and files go on as ever. */
import { jest } from '@jest/globals';
import { PATIENCE_MS } from './eventually.ts';

/**
 * Holds setTimeout and setInterval until it is disposed of. `eventually` waits with them: use `turns` meanwhile.
 * `pass` lets so many milliseconds go by at once.
 */
export function holdTimers(): Disposable & { pass(ms: number): void } {
  jest.useFakeTimers({
    doNotFake: ['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate'],
  });
  return {
    pass: (ms) => void jest.advanceTimersByTime(ms),
    [Symbol.dispose]: () => void jest.useRealTimers(),
  };
}

/** Lets the event loop turn until the condition holds. @throws when a test's patience is over: it never rests meanwhile */
export async function turns(until: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!until()) {
    if (performance.now() > end) throw new Error(`still turning for: ${until}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
