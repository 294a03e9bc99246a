/**
 * The scripted model, in a process of its own, with the times of every request. It reads of a request only what it needs
 * to answer, and stamps a request when all of it has come and an answer before it is sent, so that its own work is not
 * part of what is measured.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { serve, tell } from './child.ts';
import { now } from './clock.ts';
import { commandOf, thinkingOf, type Workload, workloadIn } from './workload.ts';

export type Role = 'planner' | 'programmer' | 'reviewer' | 'bare';

/** One request: which, when it had come and when its answer was sent. Times of clock.ts. */
export type Exchange = { id: string; role: Role; call: number; receivedAt: number; answeredAt: number; bytes: number };

type Call = { name: string; args: Record<string, unknown> };

/** Where the tools are in a request: behind the messages. */
const TOOLS_BYTES = 64 * 1024;

let exchanges: Exchange[] = [];

const server = createServer((incoming, outgoing) => {
  handle(incoming, outgoing).catch((error: unknown) => {
    console.error(error);
    outgoing.destroy();
  });
});
server.keepAliveTimeout = 60_000;
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  tell('listening', { baseUrl: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/v1` });
});
serve({
  /** Exchanges since the last time. */
  take: () => {
    const taken = exchanges;
    exchanges = [];
    return taken;
  },
});
process.once('SIGTERM', () => process.exit(0));

async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const receivedAt = now();
  if (incoming.method !== 'POST') {
    outgoing.writeHead(200, { 'content-type': 'application/json' });
    outgoing.end('{"id":"scripted","object":"model","created":0,"owned_by":"bench"}');
    return;
  }
  const body = Buffer.concat(chunks).toString('utf8');
  const workload = workloadIn(body);
  if (!workload) {
    outgoing.writeHead(400, { 'content-type': 'application/json' });
    outgoing.end('{"error":{"message":"no benchmark","type":"invalid_request_error","param":null,"code":null}}');
    return;
  }
  const role = roleOf(body.slice(-TOOLS_BYTES));
  const call = count(body, '"role":"assistant"');
  const exchange: Exchange = { id: workload.id, role, call, receivedAt, answeredAt: Number.NaN, bytes: body.length };
  exchanges.push(exchange);
  tell('request', exchange);
  const working = role === 'programmer' || role === 'bare';
  if (working && call === workload.hold) return;
  if (working && workload.thinkMs > 0) await new Promise((resolve) => setTimeout(resolve, thinkingOf(workload, call)));
  const text = frames(answer(role, call, workload), `${workload.id}${role}${call}`);
  outgoing.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  exchange.answeredAt = now();
  outgoing.end(text);
  if (working && call === workload.steps) tell('done', { id: workload.id });
}

function roleOf(tools: string): Role {
  if (tools.includes('"submit_plan"')) return 'planner';
  if (tools.includes('"submit_review"')) return 'reviewer';
  return tools.includes('"finish"') ? 'programmer' : 'bare';
}

function answer(role: Role, call: number, workload: Workload): Call {
  if (role === 'planner') {
    const steps = [{ id: '1', title: 'Run the commands' }];
    return { name: 'submit_plan', args: { title: 'Run the commands', steps, checks: [] } };
  }
  if (role === 'reviewer') return { name: 'submit_review', args: { verdict: 'approve', findings: [], summary: 'Done.' } };
  if (call < workload.steps) return { name: 'bash', args: { command: commandOf(workload, call) } };
  return { name: 'finish', args: { summary: 'All commands were run.' } };
}

/** A streamed chat completion with one tool call. Usage is small and constant: no context is to be pruned. */
function frames({ name, args }: Call, id: string): string {
  const base = { id: `chatcmpl-${id}`, object: 'chat.completion.chunk', created: 1_700_000_000, model: 'scripted' };
  const delta = (value: object, reason: string | null = null) => ({
    ...base,
    choices: [{ index: 0, delta: value, logprobs: null, finish_reason: reason }],
  });
  const chunks = [
    delta({ role: 'assistant', content: null }),
    delta({ tool_calls: [{ index: 0, id: `call_${id}`, type: 'function', function: { name, arguments: '' } }] }),
    delta({ tool_calls: [{ index: 0, function: { arguments: JSON.stringify(args) } }] }),
    delta({}, 'tool_calls'),
    { ...base, choices: [], usage: { prompt_tokens: 1_000, completion_tokens: 20, total_tokens: 1_020 } },
  ];
  return `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')}data: [DONE]\n\n`;
}

function count(text: string, part: string): number {
  let found = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) found++;
  return found;
}
