/** Keeps the end of the page in sight while it grows, until the reader scrolls up; and again when they are back there. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

/** Pixels from the end that still count as being there. */
const NEAR = 96;

export type FollowedEnd = {
  /** Whether the end is not followed now. */
  away: boolean;
  /** Goes to the end and follows it. */
  go: () => void;
  /** Follows no more. */
  stay: () => void;
};

/** @param size of what grows, in pixels */
export function useFollowEnd({ begin, size }: { begin: boolean; size: number }): FollowedEnd {
  const following = useRef(begin);
  const [away, setAway] = useState(!begin);
  const set = useCallback((follow: boolean) => {
    following.current = follow;
    setAway(!follow);
  }, []);
  const toEnd = useCallback(() => scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' }), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: every change of the size moves the end
  useLayoutEffect(() => {
    if (following.current) toEnd();
  }, [size, toEnd]);
  useEffect(() => {
    let last = scrollY;
    // Asking for the height while scrolling would have the browser lay out everything at once.
    let height = document.documentElement.scrollHeight;
    const observer = new ResizeObserver((entries) => {
      height = entries.at(-1)?.contentRect.height ?? height;
    });
    observer.observe(document.body);
    const onScroll = () => {
      const left = height - innerHeight - scrollY;
      const up = scrollY < last - 2;
      last = scrollY;
      if (left <= NEAR) {
        if (!following.current && !up) set(true);
      } else if (up && following.current) {
        set(false);
      } else if (!following.current) {
        setAway(true);
      }
    };
    // What a reader does counts at once, before anything has moved.
    const onWheel = (event: WheelEvent) => {
      if (event.deltaY < 0 && following.current) set(false);
    };
    addEventListener('scroll', onScroll, { passive: true });
    addEventListener('wheel', onWheel, { passive: true });
    return () => {
      observer.disconnect();
      removeEventListener('scroll', onScroll);
      removeEventListener('wheel', onWheel);
    };
  }, [set]);
  const go = useCallback(() => {
    set(true);
    toEnd();
  }, [set, toEnd]);
  const stay = useCallback(() => set(false), [set]);
  return { away, go, stay };
}
