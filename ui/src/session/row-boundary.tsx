/** Keeps a timeline whole when one of its entries cannot be drawn. */
import { Component, type ReactNode } from 'react';
import styles from './timeline.module.css';

type Props = { name: string; children: ReactNode };

export class RowBoundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return <p className={styles.failed}>This entry ({this.props.name}) cannot be shown here; the tab Events has all of it.</p>;
  }
}
