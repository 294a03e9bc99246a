import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Connection } from './connection.ts';

describe('the connection', () => {
  let up = false;
  let asked = 0;
  const ask = () => {
    asked += 1;
    return up ? Promise.resolve() : Promise.reject(new Error('refused'));
  };

  beforeEach(() => {
    up = false;
    asked = 0;
    jest.useFakeTimers();
  });
  afterEach(() => void jest.useRealTimers());

  it('asks ever less often while the server is away, and notices when it is back', async () => {
    const connection = new Connection(ask, () => Date.now());
    connection.failed();
    expect(connection.state()).toMatchObject({ kind: 'down', retryAt: Date.now() + 1_000 });
    await jest.advanceTimersByTimeAsync(1_000 + 2_000 + 4_000);
    expect(asked).toBe(3);
    up = true;
    await jest.advanceTimersByTimeAsync(8_000);
    expect(asked).toBe(4);
    expect(connection.state()).toEqual({ kind: 'up' });
    await jest.advanceTimersByTimeAsync(60_000);
    expect(asked).toBe(4);
  });

  it('asks at once when somebody wants it to', async () => {
    const connection = new Connection(ask, () => Date.now());
    connection.failed();
    up = true;
    connection.retry();
    await jest.advanceTimersByTimeAsync(0);
    expect(connection.state()).toEqual({ kind: 'up' });
  });

  it('tells those who listen, once for each change', () => {
    const connection = new Connection(ask, () => Date.now());
    const kinds: string[] = [];
    const stop = connection.subscribe(() => kinds.push(connection.state().kind));
    connection.reached();
    connection.failed();
    connection.failed();
    connection.reached();
    stop();
    connection.failed();
    connection.reached();
    expect(kinds).toEqual(['down', 'down', 'up']);
  });
});
