/** The images that worker-image/Dockerfile makes: a place to work in, and a toolbox for images that have no git. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { build, sizeOf } from './build.ts';
import { Containers } from './containers.ts';
import { BUILD_MS, describeWithDocker, docker } from './engine.ts';

const describeImages = describeWithDocker();
/** As hardened as a Pod of a session. */
const HARDENED = ['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--network', 'none'];
const RUN_MS = 120_000;

/** Runs a script in a new container to its end, and returns what it printed. @throws when it fails */
const run = (image: string, script: string, ...args: string[]) =>
  docker(['run', '--rm', ...HARDENED, ...args, '--entrypoint', 'sh', image, '-euc', script], { timeoutMs: RUN_MS });

describeImages('the worker image', () => {
  let image: string;

  beforeAll(async () => {
    image = await build('worker', ['worker-image']);
  }, BUILD_MS);

  it('is not root, and has a home of its own', async () => {
    const said = await run(image, 'id -u; id -un; pwd; touch here; ! touch /usr/here 2>/dev/null');
    expect(said.split('\n')).toEqual(['1000', 'agent', '/home/agent', '']);
  });

  it('works as a number that it does not know, with a root that cannot be written', async () => {
    const said = await run(
      image,
      'id -u; git init -q . && echo made',
      '--user',
      '12345',
      '--read-only',
      '--tmpfs',
      '/tmp',
      '-w',
      '/tmp',
    );
    expect(said).toBe('12345\nmade\n');
  });

  it.each([
    [
      'git',
      'git init -q -b main . && echo hello >a && git add a && git -c user.name=a -c user.email=a@b commit -qm one && git log --format=%s',
      'one',
    ],
    ['ripgrep', 'echo needle >hay && rg --files-with-matches needle .', './hay'],
    [
      'a C compiler and make',
      'printf \'int puts(const char*); int main(){return puts("built")<0;}\' >a.c && make -s a && ./a',
      'built',
    ],
    ['Python with its environments', 'python3 -m venv v && v/bin/python -c "print(6*7)" && v/bin/pip --version >/dev/null', '42'],
    [
      'Node with npm',
      'npm init -y >/dev/null && npm pkg set scripts.say="node -p 6*7" && npm run --silent say && npx --version >/dev/null',
      '42',
    ],
    [
      'patch, jq, curl and unzip',
      'patch --version >/dev/null && curl --version >/dev/null && unzip -v >/dev/null && echo 1 | jq .',
      '1',
    ],
  ])('has %s', async (_what, script, last) => {
    expect((await run(image, script)).trim().split('\n').at(-1)).toBe(last);
  });
});

describeImages.each([
  { where: 'an image of its own', name: 'toolbox', args: ['--target', 'toolbox', 'worker-image'] },
  { where: 'the image of operator and gateway', name: 'agent', args: ['.'] },
])('the toolbox in $where', ({ name, args }) => {
  const containers = new Containers();
  const busybox = ['--entrypoint', '/toolbox/bin/busybox'];
  let toolbox: string;
  let image: string;

  beforeAll(async () => {
    image = await build(name, args);
    toolbox = await containers.volume();
    // As an init container brings it in; a Pod's volume is open to its user, one of Docker's is root's.
    const mounted = ['--user', '0', '-v', `${toolbox}:/target`];
    await docker(['run', '--rm', ...mounted, ...busybox, image, 'cp', '-R', '/toolbox/.', '/target']);
  }, BUILD_MS);
  afterAll(() => containers[Symbol.asyncDispose]());

  if (name === 'toolbox')
    it('is small, and not root', async () => {
      expect(await sizeOf(image)).toBeLessThan(30e6);
      expect(await docker(['run', '--rm', ...HARDENED, image, 'id', '-u'])).toBe('65532\n');
    });

  it('can be copied by any user, with a root that cannot be written', async () => {
    const hardened = [...HARDENED, '--user', '1000:1000', '--read-only', '--tmpfs', '/target:mode=1777'];
    const said = await docker(['run', '--rm', ...hardened, ...busybox, image, 'cp', '-R', '/toolbox/.', '/target']);
    expect(said).toBe('');
  });

  const WORK = `
    for one in git rg; do ! command -v $one >/dev/null || { echo "has $one"; exit 1; }; done
    export PATH="$PATH:/toolbox/bin" HOME=/tmp
    mkdir /tmp/one && cd /tmp/one && git init -q -b main .
    git config user.name Ada && git config user.email ada@example.com
    printf 'one\\nneedle\\n' >a && git add a && git commit -qm first
    sed -i s/one/two/ a && git diff --stat | tail -n 1
    git commit -qam second && git bundle create -q /tmp/one.bundle main
    git clone -q -b main /tmp/one.bundle /tmp/two && git -C /tmp/two log --format=%s
    git -C /tmp/two fsck --no-progress && git -C /tmp/two worktree add -q /tmp/three HEAD~1
    git -C /tmp/two diff HEAD~1 | (cd /tmp/three && git apply --index -) && git -C /tmp/three stash -q && head -n 1 /tmp/three/a
    rg --line-number needle /tmp/one
    busybox setsid sh -c 'echo apart' | cat`;

  it.each(['alpine:3', 'ubuntu:22.04', 'python:3.12-slim'])(
    'gives %s git, ripgrep and busybox, with nothing installed',
    async (name) => {
      const mounts = ['-v', `${toolbox}:/toolbox:ro`, '--tmpfs', '/tmp:exec'];
      const said = await run(name, WORK, '--user', '12345', '--read-only', ...mounts);
      expect(said.trim().split('\n')).toEqual([
        '1 file changed, 1 insertion(+), 1 deletion(-)',
        'second',
        'first',
        'one',
        '/tmp/one/a:2:needle',
        'apart',
      ]);
    },
    RUN_MS,
  );
});
