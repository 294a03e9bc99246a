/**
 * Sessions of a toolbox: a shell each, that reads commands from its stdin. A command has a FIFO for its input and a log file,
 * in which each line begins with three bytes that say which stream it is of; who follows a log gets that file, from its start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { appendFile, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WebSocket } from 'ws';
import { HttpError } from './http.ts';
import { kill } from './processes.ts';

const POLL_MS = 20;

type Command = { id: string; text: string; folder: string; quiet: boolean };
type Session = { id: string; shell: ChildProcess; folder: string; commands: Map<string, Command>; ended: boolean };

export class Sessions {
  readonly #folder: string;
  readonly #env: () => Record<string, string>;
  readonly #sessions = new Map<string, Session>();
  /** Whether the shell gets the text of a command itself, as from older daemons: one that ends in a heredoc hangs then. */
  inlines = false;

  constructor(folder: string, env: () => Record<string, string>) {
    this.#folder = folder;
    this.#env = env;
  }

  async create(id: string): Promise<void> {
    if (this.#sessions.has(id)) throw new HttpError(409, 'session already exists');
    const env = this.#env();
    const shell = spawn('/bin/sh', [], { env, cwd: env.HOME, detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    shell.stdin?.on('error', () => undefined);
    const session = { id, shell, folder: join(this.#folder, id), commands: new Map<string, Command>(), ended: false };
    this.#sessions.set(id, session);
    await mkdir(session.folder, { recursive: true });
  }

  /** Ends everything that still descends from the shell; what left it lives on. */
  async delete(id: string): Promise<void> {
    const session = this.#find(id);
    this.#sessions.delete(id);
    session.ended = true;
    const { pid } = session.shell;
    if (pid !== undefined) {
      for (const descendant of await descendants(pid)) kill(descendant, 'SIGKILL');
      kill(-pid, 'SIGKILL');
    }
    await rm(session.folder, { recursive: true, force: true });
  }

  /** For the end of the sandbox: its processes are ended by others. */
  forgetAll(): void {
    for (const session of this.#sessions.values()) session.ended = true;
    this.#sessions.clear();
  }

  async start(id: string, text: string, options: { quiet: boolean }): Promise<string> {
    const session = this.#find(id);
    const command = { id: crypto.randomUUID(), text, folder: '', quiet: options.quiet };
    command.folder = join(session.folder, command.id);
    await mkdir(command.folder);
    await writeFile(join(command.folder, 'log'), '');
    await writeFile(join(command.folder, 'command'), text);
    session.commands.set(command.id, command);
    session.shell.stdin?.write(wrapped(command.folder, this.inlines ? text : undefined));
    return command.id;
  }

  async exitCode(id: string, commandId: string): Promise<{ command: Command; exitCode: number | undefined }> {
    const command = this.#command(id, commandId);
    const text = await readFile(join(command.folder, 'exit'), 'utf8').catch(() => '');
    return { command, exitCode: text.trim() === '' ? undefined : Number(text) };
  }

  async log(id: string, commandId: string): Promise<Buffer> {
    return readFile(join(this.#command(id, commandId).folder, 'log'));
  }

  async input(id: string, commandId: string, data: string): Promise<void> {
    const { command, exitCode } = await this.exitCode(id, commandId);
    if (exitCode !== undefined) throw new HttpError(410, `command has already completed with exit code ${exitCode}`);
    const text = data.endsWith('\n') ? data : `${data}\n`;
    try {
      const pipe = await open(join(command.folder, 'in'), constants.O_WRONLY | constants.O_NONBLOCK);
      // The pipe may be full for a moment; then it is waited for, as a write that blocks does.
      try {
        for (let rest = Buffer.from(text); rest.length > 0; ) rest = rest.subarray(await writeSome(pipe.fd, rest));
      } finally {
        await pipe.close();
      }
    } catch (error) {
      throw new HttpError(500, `failed to write to input pipe: ${String(error)}`);
    }
    if (!command.quiet) await appendFile(join(command.folder, 'log'), `\x01\x01\x01${text}`);
  }

  /**
   * Sends the log from its start, and what is added to it, until the command or the session ends.
   * @param isMute whether what is sent is lost on its way
   */
  async follow(id: string, commandId: string, socket: WebSocket, isMute: () => boolean): Promise<void> {
    const session = this.#find(id);
    const { folder } = this.#command(id, commandId);
    const log = await open(join(folder, 'log'), 'r');
    try {
      const buffer = Buffer.alloc(1024);
      for (;;) {
        const over = session.ended || (await stat(join(folder, 'exit')).catch(() => undefined)) !== undefined;
        for (;;) {
          const { bytesRead } = await log.read(buffer, 0, buffer.length);
          if (bytesRead === 0) break;
          if (!isMute()) await new Promise((resolve) => socket.send(Buffer.from(buffer.subarray(0, bytesRead)), resolve));
        }
        if (over || socket.readyState !== socket.OPEN) break;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    } finally {
      await log.close();
      socket.close(1000);
    }
  }

  #find(id: string): Session {
    const session = this.#sessions.get(id);
    if (!session) throw new HttpError(404, 'session not found');
    return session;
  }

  #command(id: string, commandId: string): Command {
    const command = this.#find(id).commands.get(commandId);
    if (!command) throw new HttpError(404, 'command not found');
    return command;
  }
}

/** stdout and stderr of a log, taken apart. */
export function demultiplexed(log: Buffer): { stdout: string; stderr: string } {
  const streams: Record<number, Buffer[]> = { 1: [], 2: [] };
  let current = 0;
  let begin = 0;
  for (let at = 0; at + 2 < log.length; at++) {
    const mark = log[at];
    if ((mark === 1 || mark === 2) && log[at + 1] === mark && log[at + 2] === mark) {
      streams[current]?.push(log.subarray(begin, at));
      current = mark;
      begin = at + 3;
      at += 2;
    }
  }
  streams[current]?.push(log.subarray(begin));
  return { stdout: Buffer.concat(streams[1] ?? []).toString(), stderr: Buffer.concat(streams[2] ?? []).toString() };
}

/** What the shell reads for one command: its streams are read line by line, and each line is written with the mark of its stream. */
function wrapped(folder: string, inline: string | undefined): string {
  const label = (stream: string, mark: string) =>
    `( while IFS= read -r line || [ -n "$line" ]; do printf '${mark}%s\\n' "$line"; done <"$dir/${stream}" ) >>"$dir/log" & ${stream}=$!`;
  return `{
dir='${folder}'
mkfifo "$dir/out" "$dir/err" "$dir/in"
${label('out', '\\001\\001\\001')}
${label('err', '\\002\\002\\002')}
while :; do sleep 3600; done >"$dir/in" & holder=$!
{ ${inline ?? '. "$dir/command"'}; } <"$dir/in" >"$dir/out" 2>"$dir/err"
status=$?
kill "$holder"; wait "$holder"
wait "$out" "$err"
echo "$status" >"$dir/exit.new" && mv "$dir/exit.new" "$dir/exit"
rm -f "$dir/out" "$dir/err" "$dir/in"
}
`;
}

async function writeSome(fd: number, bytes: Buffer): Promise<number> {
  const { write } = await import('node:fs');
  for (;;) {
    const written = await new Promise<number>((resolve, reject) =>
      write(fd, bytes, 0, bytes.length, null, (error, count) =>
        error === null ? resolve(count) : error.code === 'EAGAIN' ? resolve(0) : reject(error),
      ),
    );
    if (written > 0) return written;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function descendants(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const found = children.split(' ').filter(Boolean).map(Number);
  return [...found, ...(await Promise.all(found.map(descendants))).flat()];
}
