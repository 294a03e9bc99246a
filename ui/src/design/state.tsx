/** What is shown where there is nothing to show: nothing yet, nothing at all, or something went wrong. */
import { Inbox, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { explain } from '../api/problem.ts';
import { Button } from './button.tsx';
import { classes } from './classes.ts';
import styles from './state.module.css';

type StateProps = {
  title: string;
  /** Nothing else is in the view, so that this is its heading. */
  whole?: boolean;
  children?: ReactNode;
  icon?: ReactNode;
  actions?: ReactNode;
};

/** Says what would be here and how to get it. */
export function EmptyState({
  title,
  whole = false,
  children,
  icon = <Inbox size={20} aria-hidden="true" />,
  actions,
}: StateProps) {
  const Heading = whole ? 'h1' : 'h2';
  return (
    <div className={styles.state}>
      <div className={styles.icon}>{icon}</div>
      <Heading>{title}</Heading>
      {children === undefined ? null : <div className={styles.text}>{children}</div>}
      {actions === undefined ? null : <div className={styles.actions}>{actions}</div>}
    </div>
  );
}

/** Says what failed and what can be done about it. */
export function ErrorState({
  title,
  whole = false,
  error,
  onRetry,
  children,
}: {
  title: string;
  whole?: boolean;
  error: unknown;
  onRetry?: () => void;
  children?: ReactNode;
}) {
  const Heading = whole ? 'h1' : 'h2';
  return (
    <div className={styles.state} role="alert">
      <div className={classes(styles.icon, styles.bad)}>
        <TriangleAlert size={20} aria-hidden="true" />
      </div>
      <Heading>{title}</Heading>
      <p className={styles.text}>{explain(error)}</p>
      {children}
      {onRetry ? (
        <div className={styles.actions}>
          <Button onClick={onRetry}>Try again</Button>
        </div>
      ) : null}
    </div>
  );
}

/** Holds the place of something that is on its way. Sizes are CSS lengths. */
export function Skeleton({ width = '100%', height = '1em' }: { width?: string; height?: string }) {
  return <span className={styles.skeleton} style={{ width, height }} aria-hidden="true" />;
}
