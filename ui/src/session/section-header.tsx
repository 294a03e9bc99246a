/** Headers within the timeline: a phase of the session, and a step of its plan. */
import { ChevronRight, TriangleAlert } from 'lucide-react';
import { Money } from '../design/amounts.tsx';
import { Badge } from '../design/badge.tsx';
import { classes } from '../design/classes.ts';
import { counted, duration } from '../design/time.ts';
import type { Row } from '../timeline/rows.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import { Elapsed } from './elapsed.tsx';
import { sectionTitle } from './entry-words.ts';
import styles from './timeline.module.css';

type Props<K extends Row['kind']> = { row: Extract<Row, { kind: K }>; selected: boolean; onToggle: (key: string) => void };

export function SectionHeader({ row, selected, onToggle }: Props<'section'>) {
  const { section, open, last } = row;
  const { spent, problems, model, message, startedAt, lastTime } = section;
  return (
    <h2 className={styles.section}>
      <button
        type="button"
        className={classes(styles.sectionButton, selected && styles.selected)}
        aria-expanded={open}
        onClick={() => onToggle(row.key)}
      >
        <ChevronRight size={16} aria-hidden="true" className={styles.chevron} />
        <span className={styles.sectionTitle}>{sectionTitle(section)}</span>
        <span className={classes(styles.sectionMessage, 'truncate')}>{visibleLine(message)}</span>
        <span className={styles.sectionAside}>
          {problems > 0 ? (
            <Badge tone="warn" icon={<TriangleAlert size={12} aria-hidden="true" />}>
              {problems}
              <span className="visually-hidden"> {problems === 1 ? 'problem' : 'problems'}</span>
            </Badge>
          ) : null}
          {model ? <span className={classes(styles.model, 'truncate')}>{visibleLine(model)}</span> : null}
          {spent.costUSD > 0 ? <Money usd={spent.costUSD} /> : null}
          {last ? null : <span className="numbers">{duration(Date.parse(lastTime) - Date.parse(startedAt))}</span>}
        </span>
      </button>
    </h2>
  );
}

export function StepHeader({ row, selected, onToggle }: Props<'step'>) {
  const { group, open, hidden } = row;
  const took = Date.parse(group.lastTime) - Date.parse(group.startedAt);
  return (
    <h3 className={styles.step}>
      <button
        type="button"
        className={classes(styles.stepButton, selected && styles.selected)}
        aria-expanded={open}
        onClick={() => onToggle(row.key)}
      >
        <ChevronRight size={14} aria-hidden="true" className={styles.chevron} />
        <span className="truncate">{visibleLine(group.step?.title ?? '')}</span>
        <span className={styles.sectionAside}>
          {hidden > 0 ? <span>{counted(hidden, 'entry').replace(/entrys$/, 'entries')}</span> : null}
          {group.spent.costUSD > 0 ? <Money usd={group.spent.costUSD} /> : null}
          {took > 0 ? <span className="numbers">{duration(took)}</span> : <Elapsed since={group.startedAt} />}
        </span>
      </button>
    </h3>
  );
}
