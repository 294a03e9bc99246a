/**
 * A short hint on hover and on keyboard focus. It is never the only place where something is said. One layer shows the
 * hint of whichever element has it; Escape puts it away, and a pointer may go over it.
 */
import {
  cloneElement,
  type ReactElement,
  type ReactNode,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { createPortal } from 'react-dom';
import styles from './popup.module.css';
import { shared } from './shared.ts';

type Hint = { anchor: Element; content: ReactNode };

/** How long a pointer rests before the hint comes, and how long it may be on its way to it. Milliseconds. */
const COMES_AFTER = 450;
const GOES_AFTER = 120;

const shown = shared<Hint | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

function change(next: Hint | null): void {
  clearTimeout(timer);
  shown.set(next);
}

function later(next: Hint | null, milliseconds: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => change(next), milliseconds);
}

type Handler = (event: React.SyntheticEvent) => void;

/** @param children one element that takes event handlers */
export function Tooltip({ content, children }: { content: ReactNode; children: ReactElement<Record<string, unknown>> }) {
  const mine = useRef<Element | null>(null);
  useEffect(
    () => () => {
      if (shown.get()?.anchor === mine.current) change(null);
    },
    [],
  );
  useEffect(() => {
    const hint = shown.get();
    if (hint && hint.anchor === mine.current && hint.content !== content) change({ ...hint, content });
  }, [content]);
  const also = (name: string, handler: Handler): Handler => {
    const own = children.props[name];
    return (event) => {
      handler(event);
      if (typeof own === 'function') own(event);
    };
  };
  const hint = (event: React.SyntheticEvent) => {
    mine.current = event.currentTarget;
    return { anchor: event.currentTarget, content };
  };
  return cloneElement(children, {
    onPointerEnter: also('onPointerEnter', (event) => {
      if (!isTouch(event)) later(hint(event), shown.get() ? 0 : COMES_AFTER);
    }),
    onPointerLeave: also('onPointerLeave', () => later(null, GOES_AFTER)),
    onFocus: also('onFocus', (event) => {
      if (event.currentTarget.matches(':focus-visible')) change(hint(event));
    }),
    onBlur: also('onBlur', () => change(null)),
    onPointerDown: also('onPointerDown', () => change(null)),
  });
}

function isTouch(event: React.SyntheticEvent): boolean {
  return event.nativeEvent instanceof PointerEvent && event.nativeEvent.pointerType === 'touch';
}

/** Where hints appear; once per page. */
export function TooltipLayer() {
  const hint = useSyncExternalStore(shown.subscribe, shown.get);
  const box = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ left: 0, top: 0 });
  useLayoutEffect(() => {
    if (hint && box.current) setPlace(placeOf(hint.anchor.getBoundingClientRect(), box.current.getBoundingClientRect()));
  }, [hint]);
  useEffect(() => {
    if (!hint) return;
    const away = () => change(null);
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') away();
    };
    addEventListener('scroll', away, { capture: true, passive: true });
    addEventListener('resize', away);
    addEventListener('keydown', onKey, true);
    return () => {
      removeEventListener('scroll', away, { capture: true });
      removeEventListener('resize', away);
      removeEventListener('keydown', onKey, true);
    };
  }, [hint]);
  if (!hint) return null;
  return createPortal(
    <div
      ref={box}
      role="tooltip"
      className={styles.tooltip}
      style={place}
      onPointerEnter={() => clearTimeout(timer)}
      onPointerLeave={() => later(null, GOES_AFTER)}
    >
      {hint.content}
    </div>,
    document.body,
  );
}

/** Above the anchor, below it where there is no room, and never out of the window. Pixels of the window. */
function placeOf(anchor: DOMRect, box: DOMRect): { left: number; top: number } {
  const gap = 6;
  const edge = 8;
  const above = anchor.top - box.height - gap;
  const top = above >= edge ? above : anchor.bottom + gap;
  const left = anchor.left + anchor.width / 2 - box.width / 2;
  return { left: Math.max(edge, Math.min(left, innerWidth - box.width - edge)), top };
}
