/** What the daemon in a sandbox answers: commands, sessions and files, as real processes and files in the sandbox's folder. */
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import type {
  Command,
  ExecuteResponse,
  SessionCommandLogsResponse,
  SessionExecuteResponse,
  UserHomeDirResponse,
} from '@daytona/toolbox-api-client';
import { HttpError, partsOf, readBody, readJson, sendJson } from './http.ts';
import { kill } from './processes.ts';
import type { ToolboxOperation } from './routes.ts';
import { demultiplexed, Sessions } from './sessions.ts';

export class Toolbox {
  readonly home: string;
  readonly sessions: Sessions;
  readonly #env: Record<string, string>;

  /** @param env of the sandbox, beside what every sandbox has */
  constructor(folder: string, id: string, env: Record<string, string>) {
    this.home = join(folder, 'home');
    this.#env = {
      PATH: process.env.PATH ?? '',
      ...env,
      HOME: this.home,
      DAYTONA_SANDBOX_ID: id,
      DAYTONA_SANDBOX_USER: 'daytona',
    };
    this.sessions = new Sessions(join(folder, 'sessions'), () => this.#env);
  }

  async answer(
    operation: ToolboxOperation,
    params: readonly string[],
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const [session = '', command = ''] = params;
    switch (operation) {
      case 'getUserHomeDir':
        return sendJson(response, 200, { dir: this.home } satisfies UserHomeDirResponse);
      case 'executeCommand':
        return sendJson(response, 200, await this.#execute(await readJson(request)));
      case 'createSession':
        await this.sessions.create(textOf(await readJson(request), 'sessionId'));
        return void response.writeHead(201).end();
      case 'deleteSession':
        await this.sessions.delete(session);
        return void response.writeHead(204).end();
      case 'sessionExecuteCommand': {
        const body = await readJson(request);
        if (body.runAsync !== true)
          throw new HttpError(501, 'the server of the tests runs commands of sessions in the background only');
        const cmdId = await this.sessions.start(session, textOf(body, 'command'), { quiet: body.suppressInputEcho === true });
        return sendJson(response, 202, { cmdId } satisfies SessionExecuteResponse);
      }
      case 'getSessionCommand': {
        const found = await this.sessions.exitCode(session, command);
        const { id, text } = found.command;
        const body: Command = { id, command: text, ...(found.exitCode !== undefined && { exitCode: found.exitCode }) };
        return sendJson(response, 200, body);
      }
      case 'getSessionCommandLogs': {
        const log = await this.sessions.log(session, command);
        const body: SessionCommandLogsResponse = { output: log.toString(), ...demultiplexed(log) };
        return sendJson(response, 200, body);
      }
      case 'sendInput':
        await this.sessions.input(session, command, textOf(await readJson(request), 'data'));
        return void response.writeHead(204).end();
      case 'uploadFiles':
        return sendJson(response, 200, { files: await this.#upload(request) });
    }
  }

  /** The command is the shell's stdin; the answer comes when its output is closed, whoever holds it open. */
  async #execute(body: Record<string, unknown>): Promise<ExecuteResponse> {
    const command = textOf(body, 'command');
    const child = spawn('/bin/sh', [], { env: this.#env, cwd: this.home, detached: true, stdio: 'pipe' });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(command);
    const { timeout } = body;
    let late = false;
    const timer =
      typeof timeout === 'number' && timeout > 0
        ? setTimeout(() => {
            late = true;
            if (child.pid !== undefined) kill(-child.pid, 'SIGKILL');
          }, timeout * 1000)
        : undefined;
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    clearTimeout(timer);
    if (late) throw new HttpError(408, 'command execution timeout');
    return { exitCode: code ?? -1, result: Buffer.concat(chunks).toString() };
  }

  async #upload(request: IncomingMessage): Promise<{ path: string; bytes: number }[]> {
    const paths = new Map<string, string>();
    const files: { path: string; bytes: number }[] = [];
    for (const { name, bytes } of partsOf(request.headers['content-type'], await readBody(request))) {
      const index = /^files\[(\d+)\]\.(path|file)$/.exec(name);
      if (!index?.[1]) continue;
      if (index[2] === 'path') {
        paths.set(index[1], bytes.toString().trim());
        continue;
      }
      const path = paths.get(index[1]);
      if (path === undefined) throw new HttpError(400, `file[${index[1]}]: missing .path metadata`);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
      files.push({ path, bytes: bytes.length });
    }
    return files;
  }
}

function textOf(body: Record<string, unknown>, field: string): string {
  const value = body[field];
  if (typeof value !== 'string' || value.trim() === '') throw new HttpError(400, `${field} must be a text that is not empty`);
  return value;
}
