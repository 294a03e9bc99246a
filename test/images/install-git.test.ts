/** What gives git to a sandbox at Daytona where there is no toolbox, in an image that has a real package manager and no git. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { Containers } from './containers.ts';
import { describeWithDocker } from './engine.ts';

const script = readFileSync(join(import.meta.dirname, '../../operator/sandbox/daytona/install-git.sh'), 'utf8');
/** A mirror of packages is asked, over a network. */
const INSTALL_MS = 240_000;

describeWithDocker()('git from the package manager of an image', () => {
  const containers = new Containers();
  afterAll(() => containers[Symbol.asyncDispose]());

  it(
    'is there after a while, however often it was asked for, and nothing else is left',
    async () => {
      const container = await containers.start('debian:bookworm-slim', (definition) =>
        definition.withCommand(['sleep', 'infinity']),
      );
      const exec = async (...command: string[]) => container.exec(['/bin/sh', '-c', ...command]);
      expect((await exec('command -v git')).exitCode).not.toBe(0);
      const ask = async () => (await exec(script, 'swe-agent-install-git', '/root/install')).output;
      expect(await ask()).toBe('running apt-get\n');
      const last = await eventually(
        'an end of the installation',
        async () => {
          const said = await ask();
          return said.startsWith('running') ? undefined : said;
        },
        INSTALL_MS,
      );
      expect(last).toBe('installed apt-get\n');
      expect((await exec('git --version; ls /root/install')).output).toMatch(/^git version [\d.]+\n.*No such file/);
    },
    INSTALL_MS + 60_000,
  );
});
