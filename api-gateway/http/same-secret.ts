/** Compares secrets. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Whether they are the same, in a time that tells nothing about either. */
export function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'swe-agent').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
