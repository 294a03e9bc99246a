/** The image of operator and gateway on a cluster, for tests. */
import { join } from 'node:path';
import { beforeAll, describe, it } from '@jest/globals';
import { build } from '../images/build.ts';
import { BUILD_MS, describeWithDocker, docker } from '../images/engine.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { TestCluster } from './cluster.ts';

/**
 * `describe` with the image's name, which is known once the tests run: the one that E2E_IMAGE names and the nodes have or can
 * pull; else it is built from the commit that is checked out and imported, where the tests of images are wanted
 * (IMAGE_TESTS=true) and there is a Docker engine.
 * @throws with CI=true when they are wanted and there is none
 */
export function describeWithImage(name: string, cluster: TestCluster, tests: (image: () => string) => void): void {
  const named = process.env.E2E_IMAGE;
  if (named !== undefined && named !== '') {
    describe(name, () => tests(() => named));
    return;
  }
  const describeBuilt = describeWithDocker();
  if (describeBuilt === describe.skip) {
    console.warn(`${name}: skipped, because E2E_IMAGE names no image of the cluster either`);
    describe.skip(name, () => it('needs its image', () => undefined));
    return;
  }
  describe(name, () => {
    let image = '';
    beforeAll(async () => {
      image = `${await build('agent', ['.'])}:latest`;
      await using folder = await temporaryFolder();
      const archive = join(folder.path, 'agent.tar');
      await docker(['save', '--output', archive, image], { timeoutMs: BUILD_MS });
      await cluster.importImage(archive);
    }, BUILD_MS);
    tests(() => image);
  });
}
