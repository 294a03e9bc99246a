/** The shapes that entries of the timeline have. */
import { FileDiff, FlaskConical, ListTodo, type LucideIcon, Search, Terminal, Wrench } from 'lucide-react';
import type { ReactNode } from 'react';
import { classes } from '../design/classes.ts';
import { duration } from '../design/time.ts';
import { Elapsed } from './elapsed.tsx';
import styles from './entry.module.css';

export type Tone = 'idle' | 'accent' | 'ok' | 'warn' | 'bad';

/** An icon, and what it stands for. */
export function Plain({ icon: Icon, tone = 'idle', children }: { icon: LucideIcon; tone?: Tone; children: ReactNode }) {
  return (
    <>
      <span className={classes(styles.icon, styles[tone])}>
        <Icon size={15} aria-hidden="true" />
      </span>
      <div className={styles.body}>{children}</div>
    </>
  );
}

/** A line that opens. */
export function Folded(props: {
  icon: LucideIcon;
  tone?: Tone;
  open: boolean;
  toggle: () => void;
  title: ReactNode;
  aside?: ReactNode;
  /** The title stays on one line, because what is below it says all of it. */
  short?: boolean;
  children: ReactNode;
}) {
  const { icon: Icon, tone = 'idle', open, toggle, title, aside, short = false, children } = props;
  return (
    <>
      <span className={classes(styles.icon, styles[tone])}>
        <Icon size={15} aria-hidden="true" />
      </span>
      <div className={styles.body}>
        <button type="button" className={styles.fold} aria-expanded={open} onClick={toggle}>
          <span className={classes(styles.title, short && styles.short)}>{title}</span>
          {aside === undefined ? null : <span className={styles.aside}>{aside}</span>}
        </button>
        {open ? <div className={styles.content}>{children}</div> : null}
      </div>
    </>
  );
}

/** What stands out of the lines around it. */
export function Card(props: { icon: LucideIcon; tone: Tone; title: string; aside?: string; children: ReactNode }) {
  const { icon: Icon, tone, title, aside, children } = props;
  return (
    <>
      <span className={classes(styles.icon, styles[tone])}>
        <Icon size={15} aria-hidden="true" />
      </span>
      <div className={classes(styles.card, styles[`card-${tone}`])}>
        <p className={styles.cardTitle}>
          <strong>{title}</strong>
          {aside ? <span className={styles.quiet}>{aside}</span> : null}
        </p>
        {children}
      </div>
    </>
  );
}

/** Names of icons that other views of entries share. */
export const ENTRY_ICONS = {
  command: Terminal,
  read: Search,
  edit: FileDiff,
  session: ListTodo,
  other: Wrench,
  check: FlaskConical,
} as const;

/** How long it takes or took. */
export function Took({ since, ms }: { since: string; ms: number | undefined }) {
  return ms === undefined ? <Elapsed since={since} /> : <span className="numbers">{duration(ms)}</span>;
}
