/** The plan beside the timeline: how far each step is, how long it took and what it cost. */
import { useNow } from '../design/amounts.tsx';
import { classes } from '../design/classes.ts';
import { dollars, duration } from '../design/time.ts';
import type { Timeline } from '../timeline/model.ts';
import { visibleLine } from '../timeline/visible-text.ts';
import styles from './plan.module.css';
import { StepMark } from './plan-steps.tsx';
import { useSession } from './session-context.ts';

export function PlanPanel({ timeline }: { timeline: Timeline }) {
  const plan = timeline.plans.at(-1);
  const now = useNow();
  const { goTo } = useSession();
  if (!plan) return <p className={styles.none}>There is no plan yet.</p>;
  const resting = timeline.now.kind === 'finished' || timeline.now.kind === 'paused';
  const done = timeline.steps.filter(({ status }) => status === 'completed' || status === 'skipped').length;
  return (
    <div>
      <div className={styles.panelHead}>
        <h2 className={styles.panelTitle}>Plan {plan.revision}</h2>
        <span className={styles.progress}>
          {done} of {timeline.steps.length} done
        </span>
      </div>
      <p className={styles.planTitle}>{visibleLine(plan.title)}</p>
      <ol className={styles.steps}>
        {timeline.steps.map((step) => {
          const spent = Object.hasOwn(timeline.spent.step, step.id) ? timeline.spent.step[step.id] : undefined;
          const until = step.endedAt === undefined ? (resting ? Date.parse(timeline.lastTime) : now) : Date.parse(step.endedAt);
          const running = step.status === 'in_progress';
          const took = step.startedAt && (step.endedAt || running) ? duration(until - Date.parse(step.startedAt)) : '';
          const { seq } = step;
          return (
            <li key={step.id} className={classes(styles.step, running && styles.current)}>
              <StepMark status={step.status} still={resting} />
              <div className={styles.stepText}>
                {seq === undefined ? (
                  <span className={classes(step.status === 'skipped' && styles.struck)}>{visibleLine(step.title)}</span>
                ) : (
                  <a
                    className={styles.stepLink}
                    href={`#e${seq}`}
                    onClick={(event) => {
                      event.preventDefault();
                      goTo(seq);
                    }}
                  >
                    {visibleLine(step.title)}
                  </a>
                )}
                {took === '' ? null : (
                  <span className={styles.stepMeta}>
                    {took}
                    {spent && spent.costUSD > 0 ? ` · ${dollars(spent.costUSD)}` : ''}
                  </span>
                )}
              </div>
            </li>
          );
        })}
      </ol>
    </div>
  );
}
