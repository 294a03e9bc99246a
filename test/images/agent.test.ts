/** The image that `docker build -t swe-agent .` makes, as its users run it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { StartedTestContainer } from 'testcontainers';
import { eventually } from '../support/eventually.ts';
import { git, makeRepository } from '../support/git-repository.ts';
import { type ModelServer, startModelServer } from '../support/model-server.ts';
import { approve, bash, Gate, greet, ScriptedSessions } from '../support/scripted-sessions.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { build, sizeOf } from './build.ts';
import { Containers, shell, Wait } from './containers.ts';
import { BUILD_MS, describeWithDocker, docker, hostAddress } from './engine.ts';
import { RestClient } from './rest-client.ts';

/** Recognisable wherever they turn up. */
const KEY = 'sk-RECOGNISE-openai-4f9a1c';
const TOKEN = 'github_pat_RECOGNISE_git_7b2e';
/** Bytes. Node is nearly half of it; the SDK of Daytona brings some 19 MB, the telemetry that it insists on above all. */
const LARGEST_IMAGE = 470e6;
const REMOTE = '/srv/greeter.git';

describeWithDocker()('the image', () => {
  const containers = new Containers();
  const model = new ScriptedSessions();
  let server: ModelServer;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let image: string;

  beforeAll(async () => {
    image = await build('agent', ['.']);
    server = await startModelServer((request) => model.answer(request), { host: await hostAddress() });
    folder = await temporaryFolder();
    await makeRepository(join(folder.path, 'greeter.git'), [{ files: { 'README.md': 'Greets.\n' } }], { bare: true });
  }, BUILD_MS);
  afterAll(async () => {
    await containers[Symbol.asyncDispose]();
    await server?.close();
    await folder?.[Symbol.asyncDispose]();
  });

  /** The model server, as a container names it. */
  const modelUrl = () => server.baseUrl.replace(/\/\/[^:]+:/, '//host.docker.internal:');
  const apiOf = (container: StartedTestContainer) =>
    new RestClient(`http://${container.getHost()}:${container.getMappedPort(8000)}`);
  const logsOf = (id: string) => docker(['logs', id]);
  const ready = () => Wait.forHttp('/readyz', 8000);
  /** Ends it as `docker stop` does, and says with what exit code: 137 had to be killed after Docker's 10 seconds. */
  const stop = async (id: string): Promise<number> => {
    await docker(['stop', id]);
    return Number(await docker(['inspect', id, '--format', '{{.State.ExitCode}}']));
  };

  it('is small', async () => {
    expect(await sizeOf(image)).toBeLessThan(LARGEST_IMAGE);
  });

  it("runs with the guide's command and its .env: answers on the published port, works, is healthy, and stops in time", async () => {
    // The guide's `docker run -p 8000:8000 --env-file .env swe-agent`, beside a port that is free and a model that is here.
    const settings = ['--env-file', join(import.meta.dirname, 'guide.env')];
    const here = [
      '-p',
      '127.0.0.1::8000',
      '--add-host',
      'host.docker.internal:host-gateway',
      '-e',
      `OPENAI_BASE_URL=${modelUrl()}`,
    ];
    const id = (await docker(['run', '-d', '--label', containers.label, ...here, ...settings, image])).trim();
    const port = /:(\d+)$/m.exec(await docker(['port', id, '8000/tcp']))?.[1];
    const api = new RestClient(`http://127.0.0.1:${port}`);
    await eventually('the published port to answer', async () => (await api.get('/readyz')).status === 200);
    const page = await api.get('/', { accept: 'text/html' });
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    const script = /<script type="module"[^>]* src="([^"]+)"/.exec(await page.text())?.[1];
    const asset = await api.get(String(script), { 'accept-encoding': 'br' });
    expect([asset.status, asset.headers.get('content-encoding')]).toEqual([200, 'br']);
    expect((await asset.text()).length).toBeGreaterThan(10_000);
    // A repository that is not on a server and belongs to somebody else, as one does that is mounted.
    await docker(['cp', join(folder.path, 'greeter.git'), `${id}:${REMOTE}`]);
    await docker(['exec', id, 'chown', '-R', '1000:1000', REMOTE]);

    const {
      result,
      logs,
      conditions,
      id: session,
    } = await api.completed(await api.session(model.on('Greet by the guide'), REMOTE));
    expect(logs).toEqual(expect.arrayContaining(['Starting session...', 'Cloning repo...', 'PLANNER: Generating plan...']));
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'Isolated', status: 'True', reason: 'User' }));
    expect(result.pushed).toBe(true);
    const pushed = await docker([
      'exec',
      id,
      'git',
      '-c',
      'safe.directory=*',
      '-C',
      REMOTE,
      'log',
      '-1',
      '--format=%H %an <%ae>',
      result.branch,
    ]);
    expect(pushed.trim()).toBe(`${result.commit} swe-agent-bot <bot@example.com>`);

    const bundle = join(folder.path, 'result.bundle');
    const answer = await api.get(`/agent/sessions/${session}/bundle`);
    expect(answer.status).toBe(200);
    await writeFile(bundle, new Uint8Array(await answer.arrayBuffer()));
    await git(join(folder.path, 'greeter.git'), 'fetch', '-q', bundle, `${result.branch}:result`);
    expect(await git(join(folder.path, 'greeter.git'), 'show', 'result:greeting.txt')).toBe('hello');

    await eventually('Docker to find it healthy', async () => {
      const health = (await docker(['inspect', id, '--format', '{{.State.Health.Status}}'])).trim();
      if (health === 'unhealthy') throw new Error(await docker(['inspect', id, '--format', '{{json .State.Health.Log}}']));
      return health === 'healthy';
    });
    expect(await logsOf(id)).not.toContain('sk-your-openai-key');
    expect(await stop(id)).toBe(0);
  });

  it('keeps every secret from commands, which run as another user, and goes on where it was stopped in a new container', async () => {
    const data = await containers.volume();
    const start = () =>
      containers.start(image, (bare) =>
        bare
          .withExposedPorts(8000)
          .withBindMounts([{ source: data, target: '/data' }])
          .withEnvironment({
            OPENAI_API_KEY: KEY,
            OPENAI_BASE_URL: modelUrl(),
            MODEL_NAME: 'scripted-stand-in',
            LOG_LEVEL: 'debug',
          })
          .withCopyContentToContainer([{ content: `GIT_TOKEN=${TOKEN} # kept here\n`, target: '/data/.env', mode: 0o600 }])
          .withCopyDirectoriesToContainer([{ source: join(folder.path, 'greeter.git'), target: '/data/greeter.git' }])
          .withWaitStrategy(ready()),
      );
    const first = await start();
    const hold = new Gate();
    const goal = model.on('Look for secrets', {
      work: [
        bash('id -u; env; export -p'),
        bash('for one in /proc/[0-9]*; do tr "\\000" "\\n" <$one/environ; ls -l $one/fd $one/cwd; done 2>&1; true'),
        bash(
          'cat /proc/1/environ /data/.env /data/.swe-agent/kubeconfig /data/.swe-agent/kubernetes/* /data/.swe-agent/*.db; ls /data/.swe-agent',
        ),
        bash('echo OPENAI_BASE_URL=http://elsewhere >/data/.env; echo >/data/new; touch /app/new; kill -9 1; ls -la /data'),
        ...greet,
      ],
      review: async () => {
        await hold.pass();
        return approve();
      },
    });
    const api = apiOf(first);
    const session = await api.session(goal, '/data/greeter.git');
    await hold.reached();

    const [self = '', processes = '', files = '', changes = ''] = model.results(goal);
    expect(Number(/^(\d+)$/m.exec(self)?.[1])).toBeGreaterThan(50_000);
    expect(processes).toContain('SWE_AGENT_SANDBOX');
    for (const path of ['/proc/1/environ', '/data/.env', '/data/.swe-agent/kubeconfig', "'/data/.swe-agent'"]) {
      expect(files).toMatch(new RegExp(`${path}.*Permission denied`));
    }
    expect(changes).toMatch(/\.env: Permission denied/);
    expect(changes).toMatch(/data\/new: Permission denied/);
    expect(changes).toMatch(/touch: .*\/app\/new/);
    const said = [self, processes, files, changes, await logsOf(first.getId())];
    for (const text of said) expect(text).not.toMatch(/RECOGNISE/);
    // Root finds them just there, or the above would show nothing.
    const root = await shell(first, 'cat /proc/1/environ /data/.env');
    expect(root).toContain(KEY);
    expect(root).toContain(TOKEN);

    // Its reviewer was just asked.
    expect((await api.view(session)).status).toBe('RUNNING');
    expect(await stop(first.getId())).toBe(0);
    hold.open();
    const second = await start();
    const { result } = await apiOf(second).completed(session);
    expect(await shell(second, `git -C /data/greeter.git rev-parse ${result.branch}`)).toContain(result.commit);
    // What was done before the stop was not done again.
    expect(model.requests(goal).filter(({ tools }) => tools.includes('submit_plan'))).toHaveLength(1);
    expect(await logsOf(second.getId())).not.toMatch(/RECOGNISE/);
    expect(await stop(second.getId())).toBe(0);
  });

  it('runs as any user with a root that cannot be written, and says that commands are not isolated then', async () => {
    const container = await containers.start(image, (bare) =>
      bare
        .withReadOnlyRoot()
        .withUser('12345')
        .withTmpFs({ '/tmp': '' })
        .withDroppedCapabilities('ALL')
        .withSecurityOpt('no-new-privileges')
        .withExposedPorts(8000)
        .withEnvironment({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: modelUrl() })
        .withWaitStrategy(ready()),
    );
    expect(await shell(container, 'id -u; touch /app/new')).toMatch(/^12345\n.*Read-only file system\nexit 1/);
    expect(await shell(container, 'sh /app/scripts/node /app/scripts/healthcheck.ts')).toBe('exit 0\n');
    await shell(
      container,
      'git init -q -b main /data/one && cd /data/one && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one',
    );
    const api = apiOf(container);
    const done = await api.completed(await api.session(model.on('Greet as a number'), '/data/one'));
    expect(done.conditions).toContainEqual(expect.objectContaining({ type: 'Isolated', status: 'False' }));
    expect(await logsOf(container.getId())).not.toContain(KEY);
    expect(await stop(container.getId())).toBe(0);
  });

  it('refuses to be found healthy when it is not ready', async () => {
    const container = await containers.start(image, (bare) =>
      bare.withEntrypoint(['tini', '--']).withCommand(['sleep', '600']).withWaitStrategy(Wait.forSuccessfulCommand('true')),
    );
    expect(await shell(container, 'sh /app/scripts/node /app/scripts/healthcheck.ts')).toMatch(/ECONNREFUSED[\s\S]*exit 1\n$/);
  });
});
