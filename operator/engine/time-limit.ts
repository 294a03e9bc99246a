/** Ends what runs when the session's working time is over. */

/** The longest wait that a timer knows. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** `left`: ms that may still pass, asked again whenever `again` is called. `end` is called once they have; not after disposal. */
export function limitTime(left: () => number, end: () => void): Disposable & { again(): void } {
  let timer: NodeJS.Timeout | undefined;
  const again = () => {
    clearTimeout(timer);
    const ms = left();
    timer = setTimeout(ms > LONGEST_TIMER_MS ? again : end, Math.min(ms, LONGEST_TIMER_MS));
  };
  again();
  return { again, [Symbol.dispose]: () => clearTimeout(timer) };
}
