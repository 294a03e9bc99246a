import { useCallback, useState } from 'react';

/** A text that survives a reload of this tab, for what somebody is writing. Empty when there is none. */
export function useKept(name: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => read(name));
  const set = useCallback(
    (next: string) => {
      setText(next);
      try {
        if (next === '') sessionStorage.removeItem(name);
        else sessionStorage.setItem(name, next);
      } catch {
        // A browser that keeps nothing still lets people write.
      }
    },
    [name],
  );
  return [text, set];
}

function read(name: string): string {
  try {
    return sessionStorage.getItem(name) ?? '';
  } catch {
    return '';
  }
}
