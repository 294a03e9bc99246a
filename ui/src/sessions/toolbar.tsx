/** Search, filters and views above the list. */
import { ListFilter, Search } from 'lucide-react';
import { type ReactNode, type RefObject, useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { Button } from '../design/button.tsx';
import { classes } from '../design/classes.ts';
import { Input, Select } from '../design/field.tsx';
import { type Choice, EVERYTHING, type ListQuery, ORDERS, type Order, VIEWS, type View, writeQuery } from './list-query.ts';
import styles from './page.module.css';

const VIEW_NAMES: Readonly<Record<View, string>> = {
  all: 'All',
  attention: 'Needs you',
  active: 'Active',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

const ORDER_NAMES: Readonly<Record<Order, string>> = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  cost: 'Highest cost',
  steps: 'Most steps',
};

type ToolbarProps = {
  /** There is nothing to search and to choose from. */
  bare: boolean;
  query: ListQuery;
  /** Null until they are known. */
  counts: Readonly<Record<View, number>> | null;
  repositories: readonly Choice[];
  authors: readonly Choice[];
  search: RefObject<HTMLInputElement | null>;
  onChange: (part: Partial<ListQuery>) => void;
};

export function Toolbar({ bare, query, counts, repositories, authors, search, onChange }: ToolbarProps) {
  const [open, setOpen] = useState(false);
  const set = [query.repository !== '', query.author !== '', query.order !== EVERYTHING.order].filter(Boolean).length;
  if (bare) {
    return (
      <header className={styles.head}>
        <div className={styles.title}>
          <h1>Sessions</h1>
        </div>
      </header>
    );
  }
  return (
    <header className={styles.head}>
      <div className={styles.title}>
        <h1>Sessions</h1>
        <div className={styles.controls}>
          <SearchField value={query.text} field={search} onChange={(text) => onChange({ text })} />
          <Button
            className={styles.more}
            aria-expanded={open}
            aria-controls="session-filters"
            icon={<ListFilter size={15} aria-hidden="true" />}
            onClick={() => setOpen(!open)}
          >
            {set > 0 ? `Filters (${set})` : 'Filters'}
          </Button>
          <search id="session-filters" className={styles.filters} data-open={open || undefined} aria-label="Filters">
            <Filter
              label="Repository"
              any="Any repository"
              value={query.repository}
              choices={repositories}
              onChange={(repository) => onChange({ repository })}
            />
            <Filter
              label="Author"
              any="Anyone"
              value={query.author}
              choices={authors}
              onChange={(author) => onChange({ author })}
            />
            <FilterBox
              label="Order"
              value={query.order}
              isSet={query.order !== EVERYTHING.order}
              onChange={(value) => onChange({ order: ORDERS.find((one) => one === value) ?? EVERYTHING.order })}
            >
              {ORDERS.map((order) => (
                <option key={order} value={order}>
                  {ORDER_NAMES[order]}
                </option>
              ))}
            </FilterBox>
          </search>
        </div>
      </div>
      <nav className={styles.views} aria-label="By status" data-unknown={counts === null || undefined}>
        {VIEWS.map((view) => (
          <Link
            key={view}
            className={styles.view}
            aria-current={view === query.view ? 'true' : undefined}
            to={{ search: writeQuery({ ...query, view }).toString() }}
            preventScrollReset={false}
          >
            {VIEW_NAMES[view]}
            <span className={classes(styles.count, view === 'attention' && (counts?.attention ?? 0) > 0 && styles.urgent)}>
              {counts?.[view].toLocaleString('en')}
            </span>
          </Link>
        ))}
      </nav>
    </header>
  );
}

/** How long after a letter the list is searched, in milliseconds. */
const TYPING = 120;

function SearchField({
  value,
  field,
  onChange,
}: {
  value: string;
  field: RefObject<HTMLInputElement | null>;
  onChange: (text: string) => void;
}) {
  const [typed, setTyped] = useState(value);
  const known = useRef(value);
  const latest = useRef(onChange);
  useEffect(() => {
    latest.current = onChange;
  });
  useEffect(() => {
    // Changed by something else: the way back, or «Clear».
    if (value === known.current) return;
    known.current = value;
    setTyped(value);
  }, [value]);
  useEffect(() => {
    if (typed === known.current) return;
    const timer = setTimeout(() => {
      known.current = typed;
      latest.current(typed);
    }, TYPING);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <div className={styles.search}>
      <Input
        ref={field}
        type="search"
        aria-label="Search sessions"
        placeholder="Search"
        autoComplete="off"
        spellCheck={false}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          if (typed === '') event.currentTarget.blur();
          setTyped('');
          event.preventDefault();
        }}
      />
      <Search size={15} aria-hidden="true" />
      <span className={styles.key} aria-hidden="true">
        /
      </span>
    </div>
  );
}

function Filter(props: {
  label: string;
  any: string;
  value: string;
  choices: readonly Choice[];
  onChange: (value: string) => void;
}) {
  const { label, any, value, choices, onChange } = props;
  return (
    <FilterBox label={label} value={value} isSet={value !== ''} onChange={onChange}>
      <option value="">{any}</option>
      {/* An address may name what no session has any more. */}
      {value !== '' && !choices.some((one) => one.value === value) ? <option value={value}>{value}</option> : null}
      {choices.map((choice) => (
        <option key={choice.value} value={choice.value}>
          {choice.value} ({choice.count})
        </option>
      ))}
    </FilterBox>
  );
}

function FilterBox(props: {
  label: string;
  value: string;
  isSet: boolean;
  onChange: (value: string) => void;
  children: ReactNode;
}) {
  const { label, value, isSet, onChange, children } = props;
  return (
    <div className={styles.filter}>
      <Select aria-label={label} value={value} data-set={isSet || undefined} onChange={(event) => onChange(event.target.value)}>
        {children}
      </Select>
    </div>
  );
}
