/** The frame of the views below Settings: where one is, the heading, and what can be done here. */
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import styles from './settings-page.module.css';

type SettingsPageProps = {
  title: ReactNode;
  /** Beside the title, small. */
  marks?: ReactNode;
  subtitle?: ReactNode;
  /** A view below the list of profiles leads back to it. */
  below?: boolean;
  actions?: ReactNode;
  children: ReactNode;
};

export function SettingsPage({ title, marks, subtitle, below = false, actions, children }: SettingsPageProps) {
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <div className={styles.heading}>
          <nav className={styles.way} aria-label="Breadcrumb">
            <ol>
              <li>Settings</li>
              {below ? (
                <li>
                  <Link to="/settings/profiles">AI Profiles</Link>
                </li>
              ) : null}
            </ol>
          </nav>
          <div className={styles.title}>
            <h1>{title}</h1>
            {marks}
          </div>
          {subtitle === undefined ? null : <p className={styles.subtitle}>{subtitle}</p>}
        </div>
        {actions === undefined || actions === null ? null : <div className={styles.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}
