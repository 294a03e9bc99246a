/** The images that only the tests of sandboxes in Pods need: made once, in a minute, and brought to the cluster. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestCluster } from './cluster.ts';

/** Static git, ripgrep and busybox below /toolbox. */
export const TOOLBOX_IMAGE = 'localhost/swe-agent-test/toolbox:1';
/** An image that needs no toolbox. */
export const WITH_GIT_IMAGE = 'localhost/swe-agent-test/with-git:1';

/** How long a test's setup may take that has to make them first. */
export const IMAGES_MS = 900_000;
const run = promisify(execFile);
let imported: Promise<void> | undefined;

/** Makes them where they are not, and imports them; once per process. @throws with what went wrong */
export function importPodImages(cluster: TestCluster): Promise<void> {
  imported ??= (async () => {
    const { stdout } = await run(join(import.meta.dirname, 'pod-images.sh'), [], { timeout: IMAGES_MS });
    await cluster.importImage(stdout.trim());
  })();
  return imported;
}
