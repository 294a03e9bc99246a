import { useEffect } from 'react';

/** Names the view in the browser's tab and history, the most telling part first. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === '' ? 'SWE Agent' : `${title} · SWE Agent`;
  }, [title]);
}
