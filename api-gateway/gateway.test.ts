import http from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { EventSource } from '../test/support/event-source.ts';
import { eventually } from '../test/support/eventually.ts';
import { TestGateway } from '../test/support/gateway.ts';
import { send } from '../test/support/http-send.ts';
import { failure, ScriptedKubeServer } from '../test/support/kube-server.ts';

const BODY = { goal: 'g', repo_url: 'https://example.com/r.git' };
const ID = '550e8400-e29b-41d4-a716-446655440000';

describe('the gateway', () => {
  it('says how to begin, as text and as a page', async () => {
    await using gateway = await TestGateway.start();
    const text = await gateway.get('/', { accept: '*/*' });
    expect(text.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(text.text).toContain(`curl -X POST ${gateway.url}/agent/sessions -H 'Content-Type: application/json'`);
    const page = await gateway.get('/', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-[^']+';/);
    expect(page.text).toContain('<h1>SWE Agent</h1>');
    expect(page.text).not.toContain('<script');
  });

  it('is alive and ready', async () => {
    await using gateway = await TestGateway.start();
    expect((await gateway.get('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await gateway.get('/readyz')).json()).toEqual({ status: 'ready', checks: { kubernetes: 'ok', log: 'ok' } });
  });

  it('measures requests by route', async () => {
    await using gateway = await TestGateway.start();
    const id = await gateway.started();
    await gateway.started();
    await gateway.get(`/agent/sessions/${id}`);
    await gateway.get('/no/such/thing');
    const { text, headers } = await gateway.get('/metrics');
    expect(headers['content-type']).toContain('text/plain');
    expect(text).toContain('swe_agent_http_request_duration_seconds_count{method="POST",route="/agent/sessions",status="201"} 2');
    expect(text).toContain('{method="GET",route="/agent/sessions/:id",status="200"} 1');
    expect(text).toContain('{method="GET",route="none",status="404"} 1');
    expect(text).not.toContain(id);
  });

  it('says what to do when its port is in use', async () => {
    await using gateway = await TestGateway.start();
    const port = Number(new URL(gateway.url).port);
    await using other = await TestGateway.start();
    await expect(other.listenAgain(port)).rejects.toThrow(
      `port ${port} on 127.0.0.1 is in use: stop what listens there, or choose another port with PORT`,
    );
  });

  it('closes, streams and kept connections and running requests included', async () => {
    await using gateway = await TestGateway.start();
    const id = await gateway.started();
    await using source = await EventSource.open(`${gateway.url}/agent/sessions/${id}/events`);
    const agent = new http.Agent({ keepAlive: true });
    await send(`${gateway.url}/healthz`, { agent });
    let asked = false;
    gateway.kube.get = () => {
      asked = true;
      return new Promise(() => {});
    };
    const running = send(`${gateway.url}/agent/sessions/${id}`, { agent }).catch((error: Error) => error.message);
    await eventually('the request to hang', () => asked);
    await gateway.close();
    await source.ended;
    expect(await running).toMatch(/hang up|ECONNRESET/);
    await expect(send(`${gateway.url}/healthz`)).rejects.toThrow('ECONNREFUSED');
    agent.destroy();
  });
});

describe('when the Kubernetes API', () => {
  it('cannot be reached, requests are answered with 503 and when to try again', async () => {
    await using server = await ScriptedKubeServer.start();
    await using gateway = await TestGateway.start({ scripted: server });
    await server.stop();
    const answers = [
      await gateway.post('/agent/sessions', BODY),
      await gateway.get('/agent/sessions'),
      await gateway.get(`/agent/sessions/${ID}`),
      await gateway.post(`/agent/sessions/${ID}/cancel`),
    ];
    for (const answer of answers) {
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '2']);
      expect(answer.json()).toMatchObject({ detail: 'The Kubernetes API cannot be reached. Try again.' });
      expect(answer.text).not.toMatch(/at |127\.0\.0\.1|ECONN/);
    }
    expect((await gateway.get('/readyz')).json()).toEqual({
      status: 'not ready',
      checks: { kubernetes: 'unreachable', log: 'ok' },
    });
    expect((await gateway.get('/healthz')).status).toBe(200);
    expect((await gateway.get('/metrics')).status).toBe(200);
    expect(gateway.logger.lines).toContain('error: a request failed');
  });

  it.each([
    [failure(500, 'InternalError', 'etcd at 10.0.0.9 is down'), 500, 503],
    [failure(429, 'TooManyRequests', 'slow down'), 429, 503],
    [failure(401, 'Unauthorized', 'token of sa/x expired'), 401, 503],
    [failure(403, 'Forbidden', 'agentsessions is forbidden: exceeded quota'), 403, 403],
    [failure(404, 'NotFound', 'the server could not find the requested resource'), 404, 503],
    [failure(409, 'AlreadyExists', 'it exists'), 409, 409],
    ['<html>', 502, 503],
  ])('refuses with %j, a new session is answered for in kind', async (body, code, status) => {
    await using server = await ScriptedKubeServer.start();
    await using gateway = await TestGateway.start({ scripted: server });
    server.answerNext({ code, body });
    const answer = await gateway.post('/agent/sessions', BODY);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.text).not.toMatch(/10\.0\.0\.9|sa\/x/);
  });
});

describe('when the event log cannot be read', () => {
  it('sessions are still shown, with the last lines of their status', async () => {
    await using gateway = await TestGateway.start();
    const id = await gateway.started();
    await gateway.setStatus(id, { phase: 'Programming', recentLogs: ['PROGRAMMER: $ npm test → exit 0 (1.0 s)'] });
    await gateway.log.close();
    const answer = await gateway.get(`/agent/sessions/${id}`);
    expect(answer.json()).toMatchObject({
      status: 'RUNNING',
      logs: ['Starting session...', 'PROGRAMMER: $ npm test → exit 0 (1.0 s)'],
    });
    expect((await gateway.post(`/agent/sessions/${id}/input`, { message: 'm' })).status).toBe(202);
    expect((await gateway.get(`/agent/sessions/${id}/events`)).status).toBe(503);
    expect((await gateway.get(`/agent/sessions/${id}/diff`)).status).toBe(503);
    const ready = await gateway.get('/readyz');
    expect([ready.status, ready.json()]).toMatchObject([503, { checks: { kubernetes: 'ok', log: 'unreachable' } }]);
  });

  it('and one that tells what cannot be is shown line by line', async () => {
    await using gateway = await TestGateway.start();
    const id = await gateway.started();
    await gateway.setStatus(id, { phase: 'Planning' });
    await gateway.happen(id, { type: 'session.resumed', resumeCounter: 1 }, { type: 'log.line', level: 'info', text: 'hello' });
    expect((await gateway.get(`/agent/sessions/${id}`)).json()).toMatchObject({
      status: 'RUNNING',
      logs: ['Starting session...', 'Resumed.', 'hello'],
    });
  });
});

describe('a long log', () => {
  it('is read once, and then only what is new', async () => {
    await using gateway = await TestGateway.start();
    const id = await gateway.started();
    const line = (index: number) => ({ type: 'log.line', level: 'info', text: `line ${index}` }) as const;
    await gateway.happen(id, ...Array.from({ length: 3000 }, (_, index) => line(index)));
    const reads: number[] = [];
    const read = gateway.log.read.bind(gateway.log);
    gateway.log.read = (uid, afterSeq, limit) => {
      reads.push(afterSeq);
      return read(uid, afterSeq, limit);
    };
    const logs = async () => Object((await gateway.get(`/agent/sessions/${id}`)).json()).logs;
    const [one, two] = await Promise.all([logs(), logs()]);
    expect([one.length, two.length]).toEqual([3001, 3001]);
    await gateway.happen(id, line(3000));
    expect((await logs()).at(-1)).toBe('line 3000');
    expect(reads).toEqual([0, 1000, 2000, 3000]);
  });
});
