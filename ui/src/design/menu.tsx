/** A button that opens a list of actions. What the list is made of is loaded when the first one opens. */
import type { Menu as Base } from '@base-ui/react/menu';
import { cloneElement, createContext, type ReactElement, type ReactNode, use, useState } from 'react';
import { Link } from 'react-router';
import { loadPart } from '../api/part.ts';
import { explain } from '../api/problem.ts';
import { classes } from './classes.ts';
import styles from './popup.module.css';
import { notify } from './toast.tsx';

type Parts = typeof Base;

let loaded: Parts | undefined;
let coming: Promise<Parts> | undefined;

/** One click asks for it several times. @throws what `loadPart` throws; who asks once more then begins anew */
function load(): Promise<Parts> {
  coming ??= loadPart(() => import('./menu-parts.ts')).then(
    ({ Menu: all }) => {
      loaded = all;
      return all;
    },
    (error: unknown) => {
      coming = undefined;
      throw error;
    },
  );
  return coming;
}

const PartsContext = createContext<Parts | null>(null);

type MenuProps = {
  /** The button, mostly a Button or an IconButton. */
  trigger: ReactElement<Record<string, unknown>>;
  align?: 'start' | 'center' | 'end';
  side?: 'top' | 'bottom';
  /** MenuItem, MenuLink, MenuChoice, MenuSeparator. */
  children: ReactNode;
};

export function Menu({ trigger, align = 'end', side = 'bottom', children }: MenuProps) {
  // Kept as it was at first: a button that is put in the place of another one would lose the focus.
  const [parts, setParts] = useState(() => loaded);
  const [opened, setOpened] = useState(false);
  if (!parts) {
    const begin = () => void load().catch(() => {});
    const open = () => {
      load().then(
        (all) => {
          setOpened(true);
          setParts(() => all);
        },
        (error: unknown) => notify(explain(error), 'bad'),
      );
    };
    const early = { onMouseEnter: begin, onPointerDown: begin, onFocus: begin };
    return cloneElement(trigger, { 'aria-haspopup': 'menu', 'aria-expanded': false, ...early, onClick: open });
  }
  return (
    <PartsContext value={parts}>
      <parts.Root modal={false} defaultOpen={opened}>
        <parts.Trigger render={trigger} />
        <parts.Portal>
          <parts.Positioner className={styles.positioner} sideOffset={4} align={align} side={side}>
            <parts.Popup className={styles.menu}>{children}</parts.Popup>
          </parts.Positioner>
        </parts.Portal>
      </parts.Root>
    </PartsContext>
  );
}

function useParts(): Parts {
  const parts = use(PartsContext);
  if (!parts) throw new Error('an item of a menu stands outside of any menu');
  return parts;
}

type ItemProps = { icon?: ReactNode; danger?: boolean; disabled?: boolean; children: ReactNode };

export function MenuItem({ icon, danger = false, disabled = false, onSelect, children }: ItemProps & { onSelect: () => void }) {
  const parts = useParts();
  return (
    <parts.Item className={classes(styles.item, danger && styles.dangerous)} disabled={disabled} onClick={onSelect}>
      <span className={styles.itemIcon}>{icon}</span>
      {children}
    </parts.Item>
  );
}

export function MenuLink({ icon, to, children }: Pick<ItemProps, 'icon' | 'children'> & { to: string }) {
  const parts = useParts();
  return (
    <parts.Item className={styles.item} render={<Link to={to} />}>
      <span className={styles.itemIcon}>{icon}</span>
      {children}
    </parts.Item>
  );
}

/** One of several of which one is chosen. */
export function MenuChoice<T extends string>(props: {
  label: string;
  value: T;
  options: readonly { value: T; label: string; icon?: ReactNode }[];
  onChange: (value: T) => void;
}) {
  const { label, value, options, onChange } = props;
  const parts = useParts();
  return (
    <parts.Group>
      <parts.GroupLabel className={styles.groupLabel}>{label}</parts.GroupLabel>
      <parts.RadioGroup value={value}>
        {options.map((option) => (
          <parts.RadioItem key={option.value} className={styles.item} value={option.value} onClick={() => onChange(option.value)}>
            <span className={styles.itemIcon}>{option.icon}</span>
            {option.label}
            <parts.RadioItemIndicator className={styles.chosen}>✓</parts.RadioItemIndicator>
          </parts.RadioItem>
        ))}
      </parts.RadioGroup>
    </parts.Group>
  );
}

export function MenuSeparator() {
  const parts = useParts();
  return <parts.Separator className={styles.separator} />;
}
