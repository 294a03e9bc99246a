/** What the platform's own checks said, and of what. */
import { FlaskConical } from 'lucide-react';
import { useState } from 'react';
import { Badge } from '../design/badge.tsx';
import { EmptyState } from '../design/state.tsx';
import { duration } from '../design/time.ts';
import type { EvidenceItem, Timeline } from '../timeline/model.ts';
import { visible, visibleLine } from '../timeline/visible-text.ts';
import { CheckDetails } from './entry-check.tsx';
import { CHANGE_WORDS, exitWords, stageWords } from './entry-words.ts';
import { GoTo } from './go-to.tsx';
import type { SessionView } from './session-view.ts';
import styles from './tables.module.css';

export function EvidenceTab({ session, timeline }: { session: SessionView; timeline: Timeline }) {
  const { evidence, tests, commit } = timeline;
  const result = session.result;
  if (evidence.length === 0) {
    return (
      <EmptyState title="No check was run yet" icon={<FlaskConical size={20} aria-hidden="true" />}>
        The platform runs the checks of the plan, or those that the session names, on the finished work. Their exit codes are the
        evidence.
      </EmptyState>
    );
  }
  const onResult = evidence.filter(({ stage }) => stage === undefined);
  const others = evidence.filter(({ stage }) => stage !== undefined);
  return (
    <div className={styles.tab}>
      {result ? (
        <p className={styles.verdict}>
          <Badge tone={result.verified ? 'ok' : 'warn'}>{result.verified ? 'Verified' : 'Unverified'}</Badge>{' '}
          {result.verified
            ? 'A check that the platform ran passed on exactly this result.'
            : 'No check that counts passed on exactly this result.'}
        </p>
      ) : null}
      {onResult.length === 0 ? null : (
        <section>
          <h2>On the work</h2>
          <List items={onResult} tree={commit?.tree} />
        </section>
      )}
      {tests ? (
        <p className={styles.verdict}>
          <Badge tone={tests.fail === 'yes' ? 'ok' : tests.fail === 'no' ? 'warn' : 'idle'}>
            {{ yes: 'The tests notice', no: 'The tests do not notice', unknown: 'Not known' }[tests.fail]}
          </Badge>{' '}
          {visible(tests.message)}
        </p>
      ) : null}
      {others.length === 0 ? null : (
        <section>
          <h2>For comparison</h2>
          <List items={others} tree={undefined} />
        </section>
      )}
    </div>
  );
}

function List({ items, tree }: { items: readonly EvidenceItem[]; tree: string | undefined }) {
  return (
    <ul className={styles.cards}>
      {items.map((item) => (
        <Item key={`${item.stage} ${item.command}`} item={item} stale={tree !== undefined && item.tree !== tree} />
      ))}
    </ul>
  );
}

function Item({ item, stale }: { item: EvidenceItem; stale: boolean }) {
  const [open, setOpen] = useState(item.stage === undefined && item.exitCode !== 0);
  const { command, exitCode, durationMs, stage, change, counted, tree, seq } = item;
  const passed = exitCode === 0;
  return (
    <li className={styles.card}>
      <button type="button" className={styles.cardHead} aria-expanded={open} onClick={() => setOpen(!open)}>
        <Badge tone={stage !== undefined ? 'idle' : passed ? 'ok' : 'bad'}>{exitWords(exitCode)}</Badge>
        <code>{visibleLine(command)}</code>
        <span className={styles.push} />
        {stale ? <Badge tone="warn">of an earlier state</Badge> : null}
        {stage === undefined && passed && !counted ? <Badge tone="warn">does not count</Badge> : null}
        <span className="numbers">{duration(durationMs)}</span>
      </button>
      <p className={styles.meta}>
        {stage === undefined ? '' : `Run on ${stage === 'before' ? 'what was cloned' : stageWords(stage)}. `}
        {change ? `It ${CHANGE_WORDS[change]}. ` : ''}
        Tree <code>{tree.slice(0, 12)}</code> · <GoTo seq={seq}>in the timeline</GoTo>
      </p>
      {open ? <CheckDetails entry={{ ...item, change: undefined, aside: undefined }} /> : null}
    </li>
  );
}
