/** Lines for a terminal that do what this page does. */
import type { Me } from '../api/me.ts';
import { type Door, linesFor, quote, sendingJson } from '../terminal/lines.ts';
import type { SessionView } from './session-view.ts';

/** What somebody must be allowed to do for a line to do anything. */
type Need = keyof Me['may']['sessions'];

export type CommandLine = { title: string; curl: string; kubectl: string | undefined; needs: Need | undefined };

/**
 * Everything that somebody may do to the session from a terminal, in the order of its life.
 * @param resume what `spec.resume` has to be, when the platform paused the session
 */
export function commandLines(session: SessionView, door: Door, resume: number | null, may: Me['may']['sessions']): CommandLine[] {
  const { id, plan, question, limits } = session;
  const { curl, kubectl } = linesFor(door, `/agent/sessions/${id}`);
  const post = (rest: string, body: object, method = 'POST') =>
    `${curl(rest, '-X', method)} ${sendingJson(quote(JSON.stringify(body)))}`;
  const patch = (spec: object) => kubectl(`patch ags ${id} --type merge -p ${quote(JSON.stringify({ spec }))}`);
  const input = (value: object) => {
    const first = session.inputs.length === 0;
    const change = [{ op: 'add', path: first ? '/spec/inputs' : '/spec/inputs/-', value: first ? [value] : value }];
    return kubectl(`patch ags ${id} --type json -p ${quote(JSON.stringify(change))}`);
  };
  const message = 'Please also update the README.';
  const all: CommandLine[] = [
    { title: 'Show the session', curl: curl(''), kubectl: kubectl(`get ags ${id} -o yaml`), needs: undefined },
    { title: 'Watch it live', curl: curl('/events', '-N'), kubectl: kubectl(`get ags ${id} -w`), needs: 'read_log' },
    { title: 'Why it is where it is', curl: curl('?logs=20'), kubectl: kubectl(`describe ags ${id}`), needs: 'read_log' },
    {
      title: 'Send a message',
      curl: post('/input', { message }),
      kubectl: input({ id: 'note-1', message }),
      needs: 'update',
    },
    ...(question
      ? [
          {
            title: 'Answer the question',
            curl: post('/input', { message: 'Yes', answer_to: question.id }),
            kubectl: input({ id: 'answer-1', message: 'Yes', answerTo: question.id }),
            needs: 'update' as const,
          },
        ]
      : []),
    ...(plan
      ? [
          {
            title: `Approve plan ${plan.revision}`,
            curl: post('/approve', { revision: plan.revision }),
            kubectl: patch({ approvedPlan: plan.revision }),
            needs: 'update' as const,
          },
        ]
      : []),
    { title: 'Suspend', curl: post('/suspend', {}), kubectl: patch({ suspend: true }), needs: 'update' },
    {
      title: 'Resume',
      curl: post('/resume', {}),
      kubectl: patch(resume === null ? { suspend: false } : { resume }),
      needs: 'update',
    },
    {
      title: 'Change a limit',
      curl: post('/limits', { max_steps: (limits.max_steps ?? 200) * 2 }, 'PATCH'),
      kubectl: patch({ limits: { maxSteps: (limits.max_steps ?? 200) * 2 } }),
      needs: 'update',
    },
    { title: 'Download the patch', curl: curl('/diff', '-o', `${id}.patch`), kubectl: undefined, needs: 'read_log' },
    {
      title: 'Download the branch',
      curl: `${curl('/bundle', '-o', `${id}.bundle`)} && git pull ${id}.bundle`,
      kubectl: undefined,
      needs: 'read_log',
    },
    { title: 'Cancel for good', curl: post('/cancel', {}), kubectl: patch({ cancelled: true }), needs: 'update' },
    { title: 'Delete with everything', curl: curl('', '-X', 'DELETE'), kubectl: kubectl(`delete ags ${id}`), needs: 'delete' },
  ];
  return all.filter(({ needs }) => needs === undefined || may[needs]);
}
