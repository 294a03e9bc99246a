/** What the session used, of what it may use, and for what. */
import { Gauge } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { Button } from '../design/button.tsx';
import { compact, duration } from '../design/time.ts';
import type { Spent, Timeline } from '../timeline/model.ts';
import { roleName } from '../timeline/role-name.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import { Cost } from './cost.tsx';
import { Meter } from './header.tsx';
import { LimitsDialog } from './limits-dialog.tsx';
import { SandboxFacts } from './sandbox-facts.tsx';
import { useSession } from './session-context.ts';
import type { SessionView } from './session-view.ts';
import styles from './tables.module.css';

export function UsageTab({ session, timeline }: { session: SessionView; timeline: Timeline }) {
  const { may } = useSession();
  const [asked, setAsked] = useState(false);
  const { total, role, model, step } = timeline.spent;
  const { limits } = session;
  const steps = timeline.steps.filter(({ id }) => Object.hasOwn(step, id));
  const cached = total.inputTokens > 0 ? Math.round((total.cachedInputTokens / total.inputTokens) * 100) : 0;
  return (
    <div className={styles.tab}>
      <section>
        <div className={styles.head}>
          <h2>Against the limits</h2>
          {may.sessions.update && session.phase !== 'Cancelled' ? (
            <Button size="small" icon={<Gauge size={14} aria-hidden="true" />} onClick={() => setAsked(true)}>
              Change limits
            </Button>
          ) : null}
        </div>
        <dl className={styles.limits}>
          <Limit
            name="Cost"
            used={<Cost spent={total} />}
            value={total.costUSD}
            limit={limits.max_cost_usd}
            shown={(max) => `$${max}`}
          />
          <Limit
            name="Tokens"
            used={compact(total.inputTokens + total.outputTokens)}
            value={total.inputTokens + total.outputTokens}
            limit={limits.max_tokens}
            shown={compact}
          />
          <Limit name="Model calls" used={total.calls} value={total.calls} limit={limits.max_steps} shown={String} />
          <Limit
            name="Thinking time of models"
            used={duration(total.durationMs)}
            value={0}
            limit={null}
            shown={String}
            note={limits.timeout_seconds === null ? '' : `working time ends at ${duration(limits.timeout_seconds * 1000)}`}
          />
        </dl>
        <p className={styles.meta}>
          {compact(total.inputTokens)} tokens in, of which {cached} % came from the provider's cache;{' '}
          {compact(total.outputTokens)} out, {compact(total.reasoningTokens)} of them reasoning.
        </p>
      </section>
      <Table title="By role" rows={Object.entries(role).map(([name, spent]) => ({ name: roleName(name), spent }))} />
      {steps.length === 0 ? null : (
        <Table
          title="By step of the plan"
          rows={steps.flatMap(({ id, title }) => (step[id] ? [{ name: title, spent: step[id] }] : []))}
        />
      )}
      <Table title="By model" rows={Object.entries(model).map(([name, spent]) => ({ name, spent }))} />
      <SandboxFacts session={session} />
      <LimitsDialog session={session} open={asked} onClose={() => setAsked(false)} />
    </div>
  );
}

function Limit(props: {
  name: string;
  used: ReactNode;
  value: number;
  limit: number | null;
  shown: (limit: number) => string;
  note?: string;
}) {
  const { name, used, value, limit, shown, note } = props;
  return (
    <div className={styles.limit}>
      <dt>{name}</dt>
      <dd>
        <strong className="numbers">{used}</strong> {limit === null ? '' : <span>of {shown(limit)}</span>}
        {note ? <span>{note}</span> : null}
        {limit === null ? null : <Meter label={`${name} against its limit`} value={value} limit={limit} />}
      </dd>
    </div>
  );
}

function Table({ title, rows }: { title: string; rows: readonly { name: string; spent: Spent }[] }) {
  if (rows.length === 0) return null;
  return (
    <div>
      <h2>{title}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className={styles.scroll} tabIndex={0} aria-label={title}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">
                <span className="visually-hidden">Name</span>
              </th>
              <th scope="col">Calls</th>
              <th scope="col">Tokens in</th>
              <th scope="col">Tokens out</th>
              <th scope="col">Time</th>
              <th scope="col">Cost</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, spent }) => (
              <tr key={name}>
                <th scope="row">{visibleLine(name)}</th>
                <td>{spent.calls}</td>
                <td>{compact(spent.inputTokens)}</td>
                <td>{compact(spent.outputTokens)}</td>
                <td>{duration(spent.durationMs)}</td>
                <td>
                  <Cost spent={spent} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}
