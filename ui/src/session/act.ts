/** What a person can do to a session from its page, each one request to the server. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { send } from '../api/http.ts';
import { explain } from '../api/problem.ts';
import { fields, text } from '../api/read.ts';
import type { Limits } from '../api/session-summary.ts';
import { notify } from '../design/toast.tsx';
import { visible } from '../timeline/visible-text.ts';
import { sessionPath } from './session-view.ts';

export type NewMessage = {
  message: string;
  when?: 'queued' | 'next-step' | 'now';
  plan_step?: string;
  answer_to?: string;
};

export type Act =
  | { do: 'cancel' | 'suspend' | 'resume' | 'delete' }
  | { do: 'approve'; revision: number }
  | { do: 'send'; message: NewMessage }
  | { do: 'limits'; limits: Partial<Limits> };

/** Does things to a session. What the server says to it is shown; a failure too, and the promise rejects. */
export function useAct(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (act: Act) => perform(id, act),
    onSuccess: (said) => {
      if (said !== '') notify(said);
    },
    onError: (error) => notify(explain(error), 'bad'),
    onSettled: () => client.invalidateQueries({ queryKey: ['session', id] }),
  });
}

/** @returns what the server said happens now */
async function perform(id: string, act: Act): Promise<string> {
  switch (act.do) {
    case 'delete':
      await send(sessionPath(id), { method: 'DELETE' });
      return 'The session is being deleted.';
    case 'approve':
      return said(await send(sessionPath(id, 'approve'), { method: 'POST', body: { revision: act.revision } }));
    case 'limits':
      return said(await send(sessionPath(id, 'limits'), { method: 'PATCH', body: act.limits }));
    case 'send': {
      // The key makes a request that is sent again by a browser or a proxy the same message.
      const headers = { 'Idempotency-Key': crypto.getRandomValues(new Uint32Array(4)).join('-') };
      return said(await send(sessionPath(id, 'input'), { method: 'POST', body: act.message, headers }));
    }
    default:
      return said(await send(sessionPath(id, act.do), { method: 'POST', body: {} }));
  }
}

async function said(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined);
  return visible(text(fields(body).message, ''));
}
