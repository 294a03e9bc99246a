/** Views of one thing, of which one is shown. Which one belongs into the address, so the caller holds it. */
import { Tabs as Base } from '@base-ui/react/tabs';
import type { ReactNode } from 'react';
import styles from './tabs.module.css';

export type TabView<T extends string> = { value: T; label: ReactNode; content: ReactNode };

export function Tabs<T extends string>(props: {
  label: string;
  value: T;
  onChange: (value: T) => void;
  views: readonly TabView<T>[];
}) {
  const { label, value, onChange, views } = props;
  return (
    <Base.Root
      value={value}
      onValueChange={(next: unknown) => {
        const view = views.find((one) => one.value === next);
        if (view) onChange(view.value);
      }}
    >
      <Base.List className={styles.list} aria-label={label}>
        {views.map((view) => (
          <Base.Tab key={view.value} value={view.value} className={styles.tab}>
            {view.label}
          </Base.Tab>
        ))}
      </Base.List>
      {views.map((view) => (
        <Base.Panel key={view.value} value={view.value} className={styles.panel}>
          {view.content}
        </Base.Panel>
      ))}
    </Base.Root>
  );
}
