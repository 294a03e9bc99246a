/** Waiting that ends: with the value, with the signal's reason, or with an error when it takes too long. */
export async function withDeadline<T>(
  promise: Promise<T>,
  options: { signal?: AbortSignal; ms?: number; late?: () => Error },
): Promise<T> {
  const { signal, ms } = options;
  // Nobody may be left to hear of its failure, which must not end the process.
  promise.catch(() => undefined);
  signal?.throwIfAborted();
  const { promise: given, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer = ms === undefined ? undefined : setTimeout(() => reject(options.late?.() ?? new Error('took too long')), ms);
  try {
    return await Promise.race([promise, given]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  }
}

/** Resolves after a while. @throws the signal's reason */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
