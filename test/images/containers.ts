/** Containers of a test, through testcontainers; all are removed with it, volumes included. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { GenericContainer as Definition, StartedTestContainer } from 'testcontainers';
import { GenericContainer, Wait } from 'testcontainers';
import { errorCode } from '../../operator/error-code.ts';
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

const LABEL = 'dev.sweagent.test-run';

/** All containers and volumes of a test bear the name of its run, by which also those are found that a killed run left. */
export class Containers implements AsyncDisposable {
  readonly #run = `${hostname()}/${process.pid}/${randomBytes(6).toString('hex')}`;
  /** For what docker is told to start. */
  readonly label = `${LABEL}=${this.#run}`;

  /** Starts one; `define` says how it differs from a bare one that can reach this machine. */
  async start(image: string, define: (definition: HardenedContainer) => Definition): Promise<StartedTestContainer> {
    const bare = new HardenedContainer(image)
      .withLabels({ [LABEL]: this.#run })
      .withExtraHosts([{ host: 'host.docker.internal', ipAddress: 'host-gateway' }])
      .withStartupTimeout(START_MS);
    return define(bare).start();
  }

  async volume(): Promise<string> {
    return (await docker(['volume', 'create', '--label', this.label])).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const over = (run: string) => run === this.#run || isOver(run);
    const containers = await found(['ps', '--all', '--no-trunc', '--format', `{{.ID}} {{.Label "${LABEL}"}}`], over);
    if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...containers]);
    const volumes = await found(['volume', 'ls', '--format', `{{.Name}} {{.Label "${LABEL}"}}`], over);
    if (volumes.length > 0) await docker(['volume', 'rm', '--force', ...volumes]);
  }
}

/** The first words of the lines whose second one, the run, is over. */
async function found(list: readonly string[], over: (run: string) => boolean): Promise<string[]> {
  const lines = (await docker([...list, '--filter', `label=${LABEL}`])).split('\n').filter((line) => line !== '');
  return lines.flatMap((line) => {
    const [id = '', run = ''] = line.split(' ');
    return over(run) ? [id] : [];
  });
}

/** Whether it was a run on this machine whose process has ended. */
function isOver(run: string): boolean {
  const [machine, pid] = run.split('/');
  if (machine !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return errorCode(error) === 'ESRCH';
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
