/** The kinds of sandbox that end-to-end tests of one machine are run with: the same scenarios must pass in each. */
import { join } from 'node:path';
import { DaytonaServer } from './daytona/server.ts';
import { System, type SystemOptions } from './system.ts';

/** A system, and where its sandboxes can be looked into. */
export type Housed = {
  readonly system: System;
  /** The Daytona, where the sandboxes are there. */
  readonly server?: DaytonaServer;
  /** A path below the folder of a session's sandbox, as this machine sees it; nothing is there before the sandbox is. */
  inside(session: string, ...names: string[]): string;
  /** Ends everything. @throws when something was left behind */
  close(): Promise<void>;
};

export type HousingOptions = SystemOptions & {
  /** Has the Daytona, if there is one, be as the test needs it before the system starts. */
  atDaytona?: (server: DaytonaServer) => void;
};

export type SandboxKind = {
  readonly name: string;
  readonly type: 'local' | 'daytona';
  /** Whether tests that no sandbox has a part in are run: with one kind they say all they can. */
  readonly first: boolean;
  start(options?: HousingOptions): Promise<Housed>;
};

const local: SandboxKind = {
  name: 'a sandbox on this machine',
  type: 'local',
  first: true,
  start: async (options) => {
    const system = await System.start(options);
    return {
      system,
      inside: (session, ...names) => system.path('workspace', session, ...names),
      close: () => system[Symbol.asyncDispose](),
    };
  },
};

const daytona: SandboxKind = {
  name: 'a sandbox at Daytona',
  type: 'daytona',
  first: false,
  start: startAtDaytona,
};

/** All of them, or those that TEST_SANDBOXES names (`local,daytona`), as everyday runs do that have little time. */
export const SANDBOX_KINDS: readonly SandboxKind[] = wanted(process.env.TEST_SANDBOXES);

function wanted(types: string | undefined): SandboxKind[] {
  const kinds = [local, daytona];
  if (types === undefined) return kinds;
  const named = types.split(',');
  const chosen = kinds.filter(({ type }) => named.includes(type));
  if (chosen.length === 0) throw new Error(`TEST_SANDBOXES=${types} names no kind of sandbox; local and daytona are there`);
  if (chosen.length < kinds.length) console.warn(`only with sandboxes of the kind ${types}: TEST_SANDBOXES says so`);
  return chosen;
}

/** A system with a Daytona of its own in its folder, so that what is left there is found with what else it left behind. */
export async function startAtDaytona({
  prepare,
  atDaytona,
  ...options
}: HousingOptions = {}): Promise<Housed & { server: DaytonaServer }> {
  const afterwards = new AsyncDisposableStack();
  let found: DaytonaServer | undefined;
  const system = await System.start({
    ...options,
    prepare: async (folder) => {
      const server = await DaytonaServer.start(join(folder, 'daytona'));
      afterwards.defer(() => server.close());
      found = server;
      atDaytona?.(server);
      const settings = { SANDBOX_TYPE: 'daytona', DAYTONA_API_KEY: server.apiKey, DAYTONA_SERVER_URL: server.url };
      return { ...settings, ...(await prepare?.(folder)) };
    },
  }).catch(async (error: unknown) => {
    await afterwards.disposeAsync();
    throw error;
  });
  const server = found;
  if (!server) throw new Error('the system was started without being prepared');
  return {
    system,
    server,
    inside: (session, ...names) => {
      const sandbox = server.control.all().find(({ dto }) => dto.labels['sweagent.dev/session-name'] === session);
      return join(sandbox?.toolbox.home ?? join(server.folder, 'none'), 'swe-agent', ...names);
    },
    close: async () => {
      try {
        // What a session left at Daytona goes with the session, not with the system.
        await system.clear();
      } finally {
        await afterwards.disposeAsync().finally(() => system[Symbol.asyncDispose]());
      }
    },
  };
}
