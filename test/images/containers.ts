/** Containers of a test, through testcontainers; all are removed with it, volumes included. */
import { randomBytes } from 'node:crypto';
import type { GenericContainer as Definition, StartedTestContainer } from 'testcontainers';
import { GenericContainer, Wait } from 'testcontainers';
import { docker } from './engine.ts';

export { Wait };

/** Time for a start that waits for readiness. */
const START_MS = 120_000;

/** A definition that can have a read-only root, which testcontainers has no word for. */
class HardenedContainer extends GenericContainer {
  withReadOnlyRoot(): this {
    this.hostConfig.ReadonlyRootfs = true;
    return this;
  }
}

export class Containers implements AsyncDisposable {
  readonly #started: string[] = [];
  readonly #volumes: string[] = [];

  /** Starts one; `define` says how it differs from a bare one that can reach this machine. */
  async start(image: string, define: (definition: HardenedContainer) => Definition): Promise<StartedTestContainer> {
    const bare = new HardenedContainer(image)
      .withExtraHosts([{ host: 'host.docker.internal', ipAddress: 'host-gateway' }])
      .withStartupTimeout(START_MS);
    const started = await define(bare).start();
    this.#started.push(started.getId());
    return started;
  }

  /** A container that docker was told to start, to be removed with the others. */
  adopt(id: string): string {
    this.#started.push(id);
    return id;
  }

  async volume(): Promise<string> {
    const name = `swe-agent-test-${randomBytes(6).toString('hex')}`;
    await docker(['volume', 'create', name]);
    this.#volumes.push(name);
    return name;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#started.length > 0) await docker(['rm', '--force', '--volumes', ...this.#started]);
    if (this.#volumes.length > 0) await docker(['volume', 'rm', '--force', ...this.#volumes]);
  }
}

/** Runs a script in a container as its own user and returns what it printed; its exit code is in the last line. */
export async function shell(container: StartedTestContainer, script: string, user?: string): Promise<string> {
  const { output } = await container.exec(
    ['sh', '-c', `{ ${script}\n} 2>&1; echo "exit $?"`],
    user === undefined ? {} : { user },
  );
  return output;
}
