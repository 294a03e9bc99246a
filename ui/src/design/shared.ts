/** A value that any part of the page can change and follow. */
export type Shared<T> = {
  readonly get: () => T;
  readonly set: (next: T) => void;
  /** Calls back after every change, until the function that it returns is called. */
  readonly subscribe: (listener: () => void) => () => void;
};

export function shared<T>(initial: T): Shared<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(value, next)) return;
      value = next;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
