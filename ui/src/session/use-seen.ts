import { useCallback, useEffect, useRef, useState } from 'react';

/** Whether an element was near enough to be seen since it is there. */
export function useSeen(): [React.RefObject<HTMLElement | null>, boolean] {
  const place = useRef<HTMLElement | null>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const element = place.current;
    if (!element || seen) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setSeen(true);
      },
      { rootMargin: '800px' },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [seen]);
  return [place, seen];
}

/** Whether an element is in sight now; it is until the opposite is known. */
export function useInSight<T extends HTMLElement>(): [(element: T | null) => (() => void) | undefined, boolean] {
  const [inSight, setInSight] = useState(true);
  const place = useCallback((element: T | null) => {
    if (!element) return undefined;
    const observer = new IntersectionObserver((entries) => setInSight(entries.at(-1)?.isIntersecting ?? true), {
      rootMargin: '-56px 0px 0px',
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [place, inSight];
}
