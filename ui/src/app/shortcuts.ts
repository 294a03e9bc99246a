/** Keyboard shortcuts. Each belongs to the view that offers it, and the help (`?`) lists those that work now. */
import { useLayoutEffect, useRef, useSyncExternalStore } from 'react';
import { flushSync } from 'react-dom';
import { shared } from '../design/shared.ts';
import { NO_KEYS, nextKey } from './key-sequence.ts';

export type Shortcut = {
  /** What is pressed, one key or several after each other: `n`, `g s`, `Enter`. */
  keys: string;
  /** What it does, as in «New session». */
  label: string;
  /** Heading in the help. */
  group: string;
  run: () => void;
};

const active = shared<readonly (readonly Shortcut[])[]>([]);

/** Offers the shortcuts while the component is there. Those offered later win. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  const latest = useRef(shortcuts);
  // Both before the browser shows the view: a key that is pressed as soon as it is seen must not be lost.
  useLayoutEffect(() => {
    latest.current = shortcuts;
  });
  const described = JSON.stringify(shortcuts.map(({ keys, label, group }) => ({ keys, label, group })));
  // biome-ignore lint/correctness/useExhaustiveDependencies: offered anew when what the help shows of them changes
  useLayoutEffect(() => {
    const offered = latest.current.map(({ keys, label, group }) => ({
      keys,
      label,
      group,
      run: () => latest.current.find((one) => one.keys === keys)?.run(),
    }));
    active.set([...active.get(), offered]);
    return () => active.set(active.get().filter((one) => one !== offered));
  }, [described]);
}

/** All that work now, in the order in which they were offered. */
export function useActiveShortcuts(): readonly Shortcut[] {
  return useSyncExternalStore(active.subscribe, active.get).flat();
}

/** Makes them work. Keys that go into a field, a menu or a dialog, or come with Ctrl, Alt or Meta, are left alone. */
export function listenForShortcuts(): () => void {
  let sequence = NO_KEYS;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.key === 'Shift' || isTaken(event.target, event.key)) return;
    const offered = active.get().flat();
    const step = nextKey(
      sequence,
      event.key,
      event.timeStamp,
      offered.map((one) => one.keys),
    );
    sequence = step.sequence;
    if (step.found === undefined) return;
    event.preventDefault();
    // What the next key does may depend on what this one did, however soon it comes.
    flushSync(() => offered.findLast((one) => one.keys === step.found)?.run());
  };
  addEventListener('keydown', onKeyDown);
  return () => removeEventListener('keydown', onKeyDown);
}

/** Whether the key means something to the element that has the focus. */
function isTaken(target: EventTarget | null, key: string): boolean {
  if (document.querySelector('[role="dialog"], [role="alertdialog"], [role="menu"]')) return true;
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest('input:not([type="checkbox"], [type="radio"]), textarea, select')) return true;
  return (key === 'Enter' || key === ' ') && target.closest('a, button, summary, [role="tab"], [role="button"]') !== null;
}
