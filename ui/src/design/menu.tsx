/** A button that opens a list of actions. */
import { Menu as Base } from '@base-ui/react/menu';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { classes } from './classes.ts';
import styles from './popup.module.css';

type MenuProps = {
  /** The button, mostly a Button or an IconButton. */
  trigger: ReactElement<Record<string, unknown>>;
  align?: 'start' | 'center' | 'end';
  side?: 'top' | 'bottom';
  /** MenuItem, MenuLink, MenuChoice, MenuSeparator. */
  children: ReactNode;
};

export function Menu({ trigger, align = 'end', side = 'bottom', children }: MenuProps) {
  return (
    <Base.Root modal={false}>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner className={styles.positioner} sideOffset={4} align={align} side={side}>
          <Base.Popup className={styles.menu}>{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

type ItemProps = { icon?: ReactNode; danger?: boolean; disabled?: boolean; children: ReactNode };

export function MenuItem({ icon, danger = false, disabled = false, onSelect, children }: ItemProps & { onSelect: () => void }) {
  return (
    <Base.Item className={classes(styles.item, danger && styles.dangerous)} disabled={disabled} onClick={onSelect}>
      <span className={styles.itemIcon}>{icon}</span>
      {children}
    </Base.Item>
  );
}

export function MenuLink({ icon, to, children }: Pick<ItemProps, 'icon' | 'children'> & { to: string }) {
  return (
    <Base.Item className={styles.item} render={<Link to={to} />}>
      <span className={styles.itemIcon}>{icon}</span>
      {children}
    </Base.Item>
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
  return (
    <Base.Group>
      <Base.GroupLabel className={styles.groupLabel}>{label}</Base.GroupLabel>
      <Base.RadioGroup value={value}>
        {options.map((option) => (
          <Base.RadioItem key={option.value} className={styles.item} value={option.value} onClick={() => onChange(option.value)}>
            <span className={styles.itemIcon}>{option.icon}</span>
            {option.label}
            <Base.RadioItemIndicator>✓</Base.RadioItemIndicator>
          </Base.RadioItem>
        ))}
      </Base.RadioGroup>
    </Base.Group>
  );
}

export function MenuSeparator() {
  return <Base.Separator className={styles.separator} />;
}
