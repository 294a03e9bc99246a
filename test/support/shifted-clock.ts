/**
 * Loaded before a program (`node --import`), it sets its clock wrong: `shifted-clock.ts?ms=300000` puts every date five
 * minutes ahead. Timers and `performance.now()` stay as they are, as with a machine whose clock is wrong and runs right.
 */
const ms = Number(new URL(import.meta.url).searchParams.get('ms'));
const Real = Date;

globalThis.Date = new Proxy(Real, {
  construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [Real.now() + ms] : args, self),
  apply: () => new Real(Real.now() + ms).toString(),
  get: (target, name) => (name === 'now' ? () => Real.now() + ms : Reflect.get(target, name)),
});
