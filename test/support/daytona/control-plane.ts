/**
 * The control plane of the tests' Daytona. A sandbox passes through its states with a moment in each; what ends it, ends its
 * processes.
 *
 *   pending_build → pulling_snapshot → creating → started ⇄ stopping → stopped → archiving → archived → restoring → started
 *                 ↘ build_failed                        destroying → destroyed, from any state
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { ListSandboxesResponse, Sandbox } from '@daytona/api-client';
import type { SandboxState } from '@daytonaio/sdk';
import { eventually } from '../eventually.ts';
import { HttpError, readJson, sendJson } from './http.ts';
import { killAllIn } from './processes.ts';
import type { ApiOperation } from './routes.ts';
import { Toolbox } from './toolbox.ts';

/** How long a sandbox stays in a state that passes, in ms. */
const STEP_MS = 15;

type State = `${SandboxState}`;

export type TestSandbox = {
  dto: Sandbox;
  created: Record<string, unknown>;
  folder: string;
  toolbox: Toolbox;
  moving: Promise<void>;
  /** The states that it was in, in order. */
  passed: State[];
};

export class ControlPlane {
  readonly #folder: string;
  readonly #proxy: () => string;
  readonly #sandboxes = new Map<string, TestSandbox>();
  /** Regions that exist. */
  readonly regions = new Set(['us', 'eu']);
  /** Sandboxes that may exist at once. */
  quota = 100;
  /** How many sandboxes one page of a list has where nobody says. */
  pageSize = 100;
  /** Sandboxes that were ever made. */
  made = 0;

  /** @param proxy the address of the toolboxes */
  constructor(folder: string, proxy: () => string) {
    this.#folder = folder;
    this.#proxy = proxy;
  }

  async answer(
    operation: ApiOperation,
    [idOrName = '']: readonly string[],
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (operation === 'createSandbox') return sendJson(response, 200, this.#create(await readJson(request)).dto);
    if (operation === 'listSandboxes') return sendJson(response, 200, this.#list(query));
    const sandbox = this.find(idOrName);
    switch (operation) {
      case 'getSandbox':
        break;
      case 'deleteSandbox':
        void this.#move(sandbox, ['destroying'], () => this.#destroy(sandbox));
        break;
      case 'startSandbox':
        if (sandbox.dto.state !== 'stopped' && sandbox.dto.state !== 'archived') {
          throw new HttpError(400, `Sandbox is not in valid state: ${sandbox.dto.state}`);
        }
        void this.#move(sandbox, sandbox.dto.state === 'archived' ? ['restoring'] : ['starting'], async () =>
          this.#set(sandbox, 'started'),
        );
        break;
      case 'stopSandbox':
        if (sandbox.dto.state !== 'started') throw new HttpError(400, 'Sandbox is not started');
        void this.stop(sandbox);
        break;
      case 'archiveSandbox':
        if (sandbox.dto.state !== 'stopped') throw new HttpError(400, 'Sandbox is not stopped');
        void this.#move(sandbox, ['archiving'], async () => this.#set(sandbox, 'archived'));
        break;
      case 'updateLastActivity':
        sandbox.dto.lastActivityAt = new Date().toISOString();
        return void response.writeHead(201).end();
    }
    sendJson(response, 200, sandbox.dto);
  }

  /** As the service does by itself when nothing happened in it for the interval that it was given. */
  stop(sandbox: TestSandbox): Promise<void> {
    return this.#move(sandbox, ['stopping'], async () => {
      await this.#end(sandbox);
      this.#set(sandbox, 'stopped');
      // An interval of 0 means at once.
      if (sandbox.dto.autoDeleteInterval === 0) await this.#destroy(sandbox);
    });
  }

  async archive(sandbox: TestSandbox): Promise<void> {
    await this.stop(sandbox);
    this.#set(sandbox, 'archived');
  }

  /** By somebody else. */
  delete(sandbox: TestSandbox): Promise<void> {
    return this.#move(sandbox, ['destroying'], () => this.#destroy(sandbox));
  }

  fail(sandbox: TestSandbox, reason: string): void {
    sandbox.dto.errorReason = reason;
    this.#set(sandbox, 'error');
  }

  find(idOrName: string): TestSandbox {
    const found = [...this.#sandboxes.values()].find(({ dto }) => dto.id === idOrName || dto.name === idOrName);
    if (!found) throw new HttpError(404, `Sandbox with ID or name ${idOrName} not found`);
    return found;
  }

  all(): TestSandbox[] {
    return [...this.#sandboxes.values()];
  }

  /** The sandbox whose toolbox is asked. */
  running(id: string): TestSandbox {
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox) throw new HttpError(404, 'sandbox not found');
    if (sandbox.dto.state !== 'started') throw new HttpError(400, 'bad request: no IP address found. Is the Sandbox started?');
    sandbox.dto.lastActivityAt = new Date().toISOString();
    return sandbox;
  }

  async close(): Promise<void> {
    for (const sandbox of this.all()) {
      await sandbox.moving;
      await this.#destroy(sandbox);
    }
  }

  #create(body: Record<string, unknown>): TestSandbox {
    const { name, target = 'us', snapshot } = body;
    if (typeof name !== 'string') throw new HttpError(400, 'the server of the tests wants a name');
    if (typeof target !== 'string' || !this.regions.has(target)) throw new HttpError(404, 'Region not found');
    if (this.all().some(({ dto }) => dto.name === name)) throw new HttpError(409, `Sandbox with name ${name} already exists`);
    if (this.#sandboxes.size >= this.quota) throw new HttpError(403, 'Total CPU limit exceeded. Maximum allowed: 10.');
    const image = imageOf(body.buildInfo);
    if (typeof snapshot === 'string' && snapshot.startsWith('missing'))
      throw new HttpError(400, `Snapshot ${snapshot} not found`);
    const id = crypto.randomUUID();
    const folder = join(this.#folder, id);
    const now = new Date().toISOString();
    const dto: Sandbox = {
      id,
      organizationId: 'organization',
      name,
      user: 'daytona',
      env: textsOf(body.env),
      labels: textsOf(body.labels),
      public: body.public === true,
      networkBlockAll: body.networkBlockAll === true,
      target,
      cpu: numberOf(body.cpu) ?? 1,
      gpu: 0,
      memory: numberOf(body.memory) ?? 1,
      disk: numberOf(body.disk) ?? 3,
      createdAt: now,
      updatedAt: now,
      lastActivityAt: now,
      toolboxProxyUrl: this.#proxy(),
      ...(typeof body.networkAllowList === 'string' && { networkAllowList: body.networkAllowList }),
      ...(typeof snapshot === 'string' && { snapshot }),
      ...intervalsOf(body),
    };
    const toolbox = new Toolbox(folder, id, dto.env);
    mkdirSync(toolbox.home, { recursive: true });
    const sandbox: TestSandbox = { dto, created: body, folder, toolbox, moving: Promise.resolve(), passed: [] };
    this.#sandboxes.set(id, sandbox);
    this.made++;
    void this.#move(sandbox, image ? ['pending_build', 'pulling_snapshot', 'creating'] : ['creating'], async () => {
      if (image?.startsWith('missing/')) {
        dto.errorReason = `failed to pull ${image}: manifest unknown`;
        this.#set(sandbox, 'build_failed');
      } else {
        this.#set(sandbox, 'started');
      }
    });
    return sandbox;
  }

  #list(query: URLSearchParams): ListSandboxesResponse {
    const wanted: unknown = JSON.parse(query.get('labels') ?? '{}');
    const limit = Number(query.get('limit') ?? this.pageSize);
    const from = Number(query.get('cursor') ?? 0);
    const found = this.all().filter(({ dto }) =>
      Object.entries(textsOf(wanted)).every(([key, value]) => dto.labels[key] === value),
    );
    const items = found.slice(from, from + limit).map(({ dto: { env: _, autoStopInterval: __, ...item } }) => item);
    return {
      items: items as ListSandboxesResponse['items'],
      nextCursor: from + limit < found.length ? String(from + limit) : null,
    };
  }

  /** Goes through the states, and then to the last one; after whatever it is going through now. */
  #move(sandbox: TestSandbox, states: readonly State[], last: () => Promise<void>): Promise<void> {
    const [first] = states;
    if (first) this.#set(sandbox, first);
    sandbox.moving = sandbox.moving.then(async () => {
      for (const state of states) {
        this.#set(sandbox, state);
        await new Promise((resolve) => setTimeout(resolve, STEP_MS));
      }
      await last();
    });
    return sandbox.moving;
  }

  #set(sandbox: TestSandbox, state: State): void {
    if (sandbox.dto.state !== state) sandbox.passed.push(state);
    sandbox.dto.state = state as SandboxState;
    sandbox.dto.updatedAt = new Date().toISOString();
  }

  async #end(sandbox: TestSandbox): Promise<void> {
    sandbox.toolbox.sessions.forgetAll();
    await killAllIn(sandbox.folder);
  }

  async #destroy(sandbox: TestSandbox): Promise<void> {
    await this.#end(sandbox);
    this.#set(sandbox, 'destroyed');
    this.#sandboxes.delete(sandbox.dto.id);
    await eventually('the folder of a sandbox to be gone', () => {
      // Whatever the commands in it forbade.
      if (existsSync(sandbox.folder)) execFileSync('chmod', ['-R', 'u+rwX', sandbox.folder]);
      rmSync(sandbox.folder, { recursive: true, force: true });
      return true;
    });
  }
}

/** The image of a build that is nothing but an image. */
function imageOf(buildInfo: unknown): string | undefined {
  if (typeof buildInfo !== 'object' || buildInfo === null || !('dockerfileContent' in buildInfo)) return undefined;
  return /^FROM (\S+)/m.exec(String(buildInfo.dockerfileContent))?.[1];
}

function textsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function intervalsOf(
  body: Record<string, unknown>,
): Pick<Sandbox, 'autoStopInterval' | 'autoArchiveInterval' | 'autoDeleteInterval'> {
  const [stop, archive, remove] = [body.autoStopInterval, body.autoArchiveInterval, body.autoDeleteInterval].map(numberOf);
  return {
    autoStopInterval: stop ?? 15,
    autoArchiveInterval: archive ?? 10_080,
    autoDeleteInterval: remove ?? -1,
  };
}
