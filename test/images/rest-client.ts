/** The REST API of a container, as its user calls it through the published port. */
import { eventually, patience } from '../support/eventually.ts';

export type Session = {
  id: string;
  status: string;
  logs: string[];
  result: null | { branch: string; commit: string; pushed: boolean };
  conditions: { type: string; status: string; reason: string; message: string }[];
};

export class RestClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.#url}${path}`, { headers, signal: patience() });
  }

  /** Starts a session and returns its id. */
  async session(goal: string, repository: string): Promise<string> {
    const answer = await fetch(`${this.#url}/agent/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ goal, repo_url: repository }),
      signal: patience(),
    });
    if (answer.status !== 201) throw new Error(`no session was started: ${answer.status} ${await answer.text()}`);
    return ((await answer.json()) as { session_id: string }).session_id;
  }

  async view(id: string): Promise<Session> {
    const answer = await this.get(`/agent/sessions/${id}`);
    if (answer.status !== 200) throw new Error(`session ${id}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Session;
  }

  /** Waits until the session completed. @throws with its log when it comes to another end */
  async completed(id: string): Promise<Session & { result: NonNullable<Session['result']> }> {
    let last: Session | undefined;
    const ended = await eventually('the session to end', async () => {
      last = await this.view(id);
      return ['QUEUED', 'RUNNING'].includes(last.status) ? undefined : last;
    }).catch((cause: unknown) => {
      throw new Error(`the session did not end: ${last?.status}\n${last?.logs.join('\n')}`, { cause });
    });
    const { result, ...session } = ended;
    if (ended.status !== 'COMPLETED' || !result) throw new Error(`the session is ${ended.status}\n${ended.logs.join('\n')}`);
    return { ...session, result };
  }
}
