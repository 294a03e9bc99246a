/** Several operators of one installation, which share an event log and sandboxes at Daytona: who works on a session, and when. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { AgentSession } from '../../operator/api/resources.ts';
import { loopbackCertificate } from '../support/certificate.ts';
import { DaytonaServer } from '../support/daytona/server.ts';
import { session, sessionsPath, type TestApi, testApi } from '../support/embedded-api.ts';
import { eventually } from '../support/eventually.ts';
import { type GitHttpServer, startGitHttpServer } from '../support/git-http-server.ts';
import { git, makeRepository } from '../support/git-repository.ts';
import { startModelServer } from '../support/model-server.ts';
import { RedisServer } from '../support/redis-server.ts';
import { describeWithRedis } from '../support/requirements.ts';
import { bash, CHECK, greet, ScriptedSessions } from '../support/scripted-sessions.ts';
import { SystemProcess } from '../support/system-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const GIT_TOKEN = 'git-token-of-a-test';

describeWithRedis()('operators that share the sessions of an installation at Daytona', () => {
  let stack: AsyncDisposableStack;
  let folder: string;
  let api: TestApi;
  let redis: RedisServer;
  let daytona: DaytonaServer;
  let remotes: GitHttpServer;
  let environment: Record<string, string>;
  const model = new ScriptedSessions();

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    folder = stack.use(await temporaryFolder()).path;
    api = stack.use(await testApi({ kubeconfigPath: join(folder, 'kubeconfig') }));
    redis = stack.use(await RedisServer.start());
    daytona = stack.adopt(await DaytonaServer.start(join(folder, 'daytona')), (server) => server.close());
    const server = stack.adopt(await startModelServer((request) => model.answer(request)), (one) => one.close());
    const tls = await loopbackCertificate();
    writeFileSync(join(folder, 'certificate.pem'), tls.cert);
    for (const name of ['home', 'remotes']) mkdirSync(join(folder, name));
    await makeRepository(join(folder, 'remotes/greeter.git'), [{ files: { 'README.md': 'Greets.\n' } }], { bare: true });
    remotes = stack.use(await startGitHttpServer({ root: join(folder, 'remotes'), tls, token: GIT_TOKEN }));
    environment = {
      PATH: process.env.PATH ?? '',
      HOME: join(folder, 'home'),
      KUBECONFIG: join(folder, 'kubeconfig'),
      K8S_NAMESPACE: 'default',
      HOST: '127.0.0.1',
      SWE_AGENT_IN_CONTAINER: 'false',
      SWE_AGENT_PROBE_PORT: '0',
      REDIS_URL: redis.url(),
      LOG_FORMAT: 'json',
      SANDBOX_TYPE: 'daytona',
      DAYTONA_API_KEY: daytona.apiKey,
      DAYTONA_SERVER_URL: daytona.url,
      DAYTONA_INSTALLATION: 'shared',
      OPENAI_API_KEY: 'scripted-stand-in',
      OPENAI_BASE_URL: server.baseUrl,
      MODEL_NAME: 'scripted-stand-in',
      GIT_TOKEN,
      GIT_TOKEN_HOSTS: remotes.host,
      GIT_SSL_CAINFO: join(folder, 'certificate.pem'),
    };
  });
  afterEach(() => stack.disposeAsync());

  /** Starts one, and says under what name it claims sessions. */
  async function operator(name: string): Promise<{ process: SystemProcess; holder: string }> {
    const env = { ...environment, SWE_AGENT_STATE_DIR: join(folder, name) };
    const started = stack.adopt(new SystemProcess('operator/main.ts', folder, env), (one) => one.end());
    await started.logs('sessions are worked on');
    return { process: started, holder: String((await started.logs('the operator is up')).holder) };
  }

  async function read(name: string): Promise<AgentSession> {
    return (await api.send('GET', `${sessionsPath}/${name}`)).body;
  }

  /** Makes a session with a command that counts its runs, and goes on until it is released. */
  async function counting(name: string) {
    const work = [bash('echo run >>$HOME/runs; until [ -e $HOME/go ]; do sleep 0.05; done; echo counted'), ...greet];
    const goal = model.on(`Count the runs of ${name}`, { work });
    const spec = { goal, repository: { url: `${remotes.url}/greeter.git` } };
    expect((await api.send('POST', sessionsPath, session(name, spec))).code).toBe(201);
    const uid = (await read(name)).metadata.uid ?? '';
    const inside = (file: string) => join(daytona.control.all()[0]?.toolbox.home ?? '/dev/null', 'swe-agent/home', file);
    const runs = () => (existsSync(inside('runs')) ? readFileSync(inside('runs'), 'utf8') : '');
    const heldBy = (holder: string) =>
      eventually(
        `${holder} to work on it`,
        async () => (await redis.admin.hget(`swe-agent:{${uid}}:claim`, 'holder')) === holder,
      );
    return { goal, runs, heldBy, release: () => writeFileSync(inside('go'), '') };
  }

  /** What a session must have come to whoever worked on it, and that its sandbox goes with it. */
  async function expectGreeting(name: string, { goal, runs }: { goal: string; runs: () => string }): Promise<void> {
    const status = await eventually(`${name} to complete`, async () => {
      const { status } = await read(name);
      return status?.phase === 'Completed' && status;
    });
    expect(status.result).toMatchObject({ pushed: true, verified: true, evidence: [{ command: CHECK, exitCode: 0 }] });
    expect(runs()).toBe('run\n');
    expect(model.results(goal)[0]).toMatch(/^counted\n\[exit code 0/);
    const bare = join(folder, 'remotes/greeter.git');
    expect(await git(bare, 'rev-list', '--count', `main..${status.result?.branch}`)).toBe('1');
    expect((await git(bare, 'branch', '--list', 'swe-agent/*')).split('\n')).toHaveLength(1);
    const [sandbox] = daytona.control.all();
    expect(status.sandbox).toMatchObject({ type: 'daytona', uid: sandbox?.dto.id });
    expect(daytona.control.made).toBe(1);
    await api.send('DELETE', `${sessionsPath}/${name}`);
    await eventually('the sandbox to be gone', () => daytona.control.all().length === 0);
  }

  it('take over the sandbox of one that was killed, attach to its command, and make no other', async () => {
    const first = await operator('first');
    const counted = await counting('orphaned');
    await eventually('the command', () => counted.runs() !== '');
    await counted.heldBy(first.holder);
    const second = await operator('second');
    await first.process.kill();
    await counted.heldBy(second.holder);
    counted.release();
    await expectGreeting('orphaned', counted);
  });

  it('find the sandbox that one had just asked for when it was killed', async () => {
    const first = await operator('first');
    const killed = Promise.withResolvers<void>();
    daytona.next('createSandbox', { kind: 'before', happens: () => first.process.kill().then(killed.resolve, killed.reject) });
    const counted = await counting('unborn');
    await killed.promise;
    expect(daytona.control.made).toBe(1);
    const second = await operator('second');
    await counted.heldBy(second.holder);
    await eventually('the command', () => counted.runs() !== '');
    counted.release();
    await expectGreeting('unborn', counted);
  });

  it('keep what one works on that slept through the end of its claim, and it does nothing more to it when it wakes', async () => {
    const first = await operator('first');
    const counted = await counting('overslept');
    await eventually('the command', () => counted.runs() !== '');
    const second = await operator('second');
    process.kill(first.process.pid, 'SIGSTOP');
    try {
      await counted.heldBy(second.holder);
    } finally {
      process.kill(first.process.pid, 'SIGCONT');
    }
    counted.release();
    await expectGreeting('overslept', counted);
    await second.process.logs('result published');
    const messages = first.process.lines.map(({ message }) => message);
    expect(messages).toContain('session started');
    expect(messages).not.toContain('result published');
    for (const { process: one } of [first, second]) expect(await one.stop()).toMatchObject({ code: '0' });
  });
});
