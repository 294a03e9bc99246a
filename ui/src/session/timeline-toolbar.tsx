/** What of the timeline is shown. */
import { ChevronsDownUp, ChevronsUpDown, Filter, Search, TriangleAlert, X } from 'lucide-react';
import { useId } from 'react';
import { IconButton } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { CATEGORIES, type Category } from '../timeline/kinds.ts';
import { Popover } from './popover.tsx';
import styles from './timeline.module.css';

export type TimelineFilter = { shown: ReadonlySet<Category>; problems: boolean; quiet: boolean; search: string };

export const INITIAL_FILTER: TimelineFilter = { shown: new Set(CATEGORIES), problems: false, quiet: false, search: '' };

const LABELS: Readonly<Record<Category, string>> = {
  thinking: 'Thinking',
  commands: 'Commands',
  edits: 'Edits',
  reads: 'Reading and searching',
  checks: 'Checks',
  reviews: 'Reviews',
  plan: 'Plan',
  messages: 'Messages',
  system: 'Sandbox and platform',
};

type Props = { filter: TimelineFilter; onChange: (filter: TimelineFilter) => void; onFold: (all: boolean) => void };

export function TimelineToolbar({ filter, onChange, onFold }: Props) {
  const id = useId();
  const { shown, problems, quiet, search } = filter;
  const hidden = CATEGORIES.length - shown.size;
  const flip = (category: Category) => {
    const next = new Set(shown);
    if (!next.delete(category)) next.add(category);
    onChange({ ...filter, shown: next.size === CATEGORIES.length ? INITIAL_FILTER.shown : next });
  };
  return (
    <div className={styles.toolbar}>
      <div className={styles.search}>
        <Search size={14} aria-hidden="true" />
        <input
          type="search"
          placeholder="Find in the timeline"
          aria-label="Find in the timeline"
          value={search}
          onChange={(event) => onChange({ ...filter, search: event.target.value })}
        />
        {search === '' ? null : (
          <IconButton label="Clear" size="small" onClick={() => onChange({ ...filter, search: '' })}>
            <X size={14} aria-hidden="true" />
          </IconButton>
        )}
      </div>
      <Popover
        label={hidden > 0 ? `Filter: ${hidden} hidden` : 'Filter'}
        icon={<Filter size={14} aria-hidden="true" />}
        title="What is shown"
      >
        <ul className={styles.choices}>
          {CATEGORIES.map((category) => (
            <li key={category}>
              <label htmlFor={`${id}${category}`}>
                <input id={`${id}${category}`} type="checkbox" checked={shown.has(category)} onChange={() => flip(category)} />
                {LABELS[category]}
              </label>
            </li>
          ))}
          <li className={styles.apart}>
            <label htmlFor={`${id}quiet`}>
              <input id={`${id}quiet`} type="checkbox" checked={quiet} onChange={() => onChange({ ...filter, quiet: !quiet })} />
              Details of the platform
            </label>
          </li>
        </ul>
      </Popover>
      <button
        type="button"
        className={classes(styles.toggle, problems && styles.on)}
        aria-pressed={problems}
        onClick={() => onChange({ ...filter, problems: !problems })}
      >
        <TriangleAlert size={14} aria-hidden="true" />
        <span>Problems</span>
      </button>
      <span className={styles.folders}>
        <IconButton label="Collapse all (c)" size="small" onClick={() => onFold(true)}>
          <ChevronsDownUp size={15} aria-hidden="true" />
        </IconButton>
        <IconButton label="Expand all (e)" size="small" onClick={() => onFold(false)}>
          <ChevronsUpDown size={15} aria-hidden="true" />
        </IconButton>
      </span>
    </div>
  );
}
