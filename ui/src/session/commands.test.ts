import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import type { Door } from '../terminal/lines.ts';
import { commandLines } from './commands.ts';
import { readSessionView } from './session-view.ts';

const session = (more: object = {}) => readSessionView({ id: 'it', phase: 'Programming', ...more });
const door: Door = { origin: 'http://localhost:8000', token: false, namespace: null, kubeconfig: null };

/** The words that a shell makes of a line. */
const words = (line: string) =>
  execFileSync('sh', ['-c', `set -- ${line}; for word; do printf '%s\\0' "$word"; done`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);

const may = { create: true, update: true, delete: true, read_log: true };

describe('commandLines', () => {
  const line = (title: string, view: ReturnType<typeof session>, where = door, resume: number | null = null) =>
    commandLines(view, where, resume, may).find((one) => one.title === title) ?? { curl: '', kubectl: '' };

  it('says the same to both doors', () => {
    const approve = line('Approve plan 2', session({ plan: { revision: 2 } }));
    expect(words(approve.curl)).toEqual([
      ...['curl', '-X', 'POST', 'http://localhost:8000/agent/sessions/it/approve', '-H', 'Content-Type: application/json'],
      ...['-d', '{"revision":2}'],
    ]);
    expect(words(approve.kubectl ?? '')).toEqual([
      'kubectl',
      'patch',
      'ags',
      'it',
      '--type',
      'merge',
      '-p',
      '{"spec":{"approvedPlan":2}}',
    ]);
  });

  it('resumes what the user suspended, and what the platform paused', () => {
    const resume = (of: number | null) => words(line('Resume', session(), door, of).kubectl ?? '').at(-1);
    expect(resume(null)).toBe('{"spec":{"suspend":false}}');
    expect(resume(3)).toBe('{"spec":{"resume":3}}');
  });

  it('adds to the messages that there are, and begins the list where there are none', () => {
    const patchOf = (inputs: object[]) =>
      JSON.parse(words(line('Send a message', session({ inputs })).kubectl ?? '').at(-1) ?? '');
    expect(patchOf([])).toMatchObject([{ path: '/spec/inputs', value: [{ message: expect.any(String) }] }]);
    expect(patchOf([{ id: 'a', message: 'b' }])).toMatchObject([
      { path: '/spec/inputs/-', value: { message: expect.any(String) } },
    ]);
  });

  it('sends a token where one is asked for, and reaches the namespace and the cluster that the server is in', () => {
    const where: Door = { ...door, token: true, namespace: 'agents', kubeconfig: 'KUBECONFIG=state/kubeconfig' };
    const show = line('Show the session', session(), where);
    expect(show.curl).toContain('-H "Authorization: Bearer $API_TOKEN"');
    expect(show.kubectl).toBe('KUBECONFIG=state/kubeconfig kubectl -n agents get ags it -o yaml');
  });

  it('has no line that would be refused', () => {
    const titles = (rights: Partial<typeof may>) =>
      commandLines(session({ plan: { revision: 1 }, question: { id: 'q', text: '?' } }), door, null, {
        ...{ create: false, update: false, delete: false, read_log: false },
        ...rights,
      }).map(({ title }) => title);
    expect(titles({})).toEqual(['Show the session']);
    expect(titles({ read_log: true })).toContain('Download the patch');
    expect(titles({ delete: true })).toEqual(['Show the session', 'Delete with everything']);
    expect(titles({ update: true })).toEqual(
      expect.arrayContaining(['Approve plan 1', 'Answer the question', 'Cancel for good']),
    );
    expect(titles(may)).toHaveLength(13);
  });
});
