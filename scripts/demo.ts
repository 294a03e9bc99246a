/**
 * The whole main job without a model key: a sample repository with a failing test, the real system in a process of its
 * own, and a scripted stand-in in the place of the model. Driven through REST, as a user would.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startModelServer } from '../test/support/model-server.ts';
import { makeSampleRepository } from './demo/sample-repository.ts';
import { demoModel } from './demo/scripted-model.ts';

type Session = {
  status: string;
  phase: string;
  logs: string[];
  plan: { revision: number; title: string; steps: { id: string; title: string; status: string }[] } | null;
  result: null | {
    summary: string;
    branch: string;
    commit: string;
    pushed: boolean;
    verified: boolean;
    evidence: { command: string; exit_code: number; tree: string; duration_ms: number }[];
  };
};

const root = join(import.meta.dirname, '..');
const DEADLINE_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'swe-agent-demo-'));
const model = demoModel();
const server = await startModelServer((request) => model.answer(request));
const system = start(folder, server.baseUrl);
try {
  await demonstrate(await addressOf(system));
} finally {
  system.kill('SIGINT');
  if (system.exitCode === null && system.signalCode === null) await new Promise((resolve) => system.once('exit', resolve));
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}

async function demonstrate(address: string): Promise<void> {
  const repository = join(folder, 'receipt');
  makeSampleRepository(repository);
  title('A sample repository with a failing test; the model is a SCRIPTED STAND-IN, everything else is real');
  say(`repository  ${repository}`);
  say(`system      ${address}`);

  title('POST /agent/sessions, in review mode');
  const goal = 'Discounts are wrong when a line has more than one piece. Make the test suite pass.';
  const { session_id: id } = await post(`${address}/agent/sessions`, { goal, repo_url: repository, mode: 'review' });
  say(`session_id  ${id}`);
  const at = `${address}/agent/sessions/${id}`;

  const planned = await until(at, (session) => session.status === 'WAITING_FOR_USER');
  title('The plan waits for approval');
  printPlan(planned);

  title('POST …/approve, and a message while it is coding');
  await post(`${at}/approve`, {});
  await model.coding;
  const message = 'Please also say in the README how discounts work.';
  await post(`${at}/input`, { message });
  say(`message     ${message}`);
  model.release();

  const replanned = await until(at, (session) => session.status === 'WAITING_FOR_USER' && session.plan?.revision === 2);
  title('It finished the iteration, took the message into the goal and planned again');
  printPlan(replanned);
  await post(`${at}/approve`, {});

  const done = await until(at, (session) => ['COMPLETED', 'FAILED', 'PAUSED'].includes(session.status));
  title('The log');
  for (const line of done.logs) say(line);
  if (done.status !== 'COMPLETED' || !done.result) throw new Error(`the session ended ${done.status}`);
  title('Evidence, recorded by the platform on the final tree');
  for (const one of done.result.evidence)
    say(`${one.command} → exit ${one.exit_code} on tree ${one.tree.slice(0, 12)} (${one.duration_ms} ms)`);
  say(`verified    ${done.result.verified}`);
  title('The diff');
  console.log(await (await fetch(`${at}/diff`)).text());
  title('The result');
  say(`branch      ${done.result.branch}${done.result.pushed ? ' (pushed)' : ''}`);
  say(`commit      ${done.result.commit}`);
  say(`summary     ${done.result.summary}`);
}

function start(stateFolder: string, baseUrl: string): ChildProcess {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PORT: '0',
    SWE_AGENT_STATE_DIR: join(stateFolder, 'state'),
    SWE_AGENT_WORKSPACE: join(stateFolder, 'workspace'),
    OPENAI_API_KEY: 'scripted-stand-in',
    OPENAI_BASE_URL: baseUrl,
    MODEL_NAME: 'scripted-stand-in',
  };
  return spawn('sh', [join(root, 'scripts/node'), join(root, 'local/main.ts')], {
    cwd: stateFolder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** The address that the system prints when it is ready. */
async function addressOf(child: ChildProcess): Promise<string> {
  const found = Promise.withResolvers<string>();
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const address = /http:\/\/[\w.:[\]-]+:\d+/.exec(text)?.[0];
    if (address) found.resolve(address);
  });
  child.once('exit', (code) => found.reject(new Error(`the system ended with code ${code}\n${text}`)));
  const timer = setTimeout(() => found.reject(new Error(`the system was not ready in time\n${text}`)), DEADLINE_MS);
  return found.promise.finally(() => clearTimeout(timer));
}

async function until(url: string, met: (session: Session) => boolean): Promise<Session> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const session = (await (await fetch(url)).json()) as Session;
    if (met(session)) return session;
    if (Date.now() > deadline || session.status === 'FAILED')
      throw new Error(`still ${session.status}\n${session.logs?.join('\n')}`);
    await sleep(50);
  }
}

async function post(url: string, body: unknown): Promise<Record<string, string>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return JSON.parse(text) as Record<string, string>;
}

function printPlan({ plan }: Session): void {
  say(`revision ${plan?.revision}: ${plan?.title}`);
  for (const step of plan?.steps ?? []) say(`  ${step.status === 'completed' ? '✓' : '·'} ${step.title}`);
}

function title(text: string): void {
  console.log(`\n── ${text}`);
}

function say(text: string): void {
  console.log(`   ${text}`);
}
