/**
 * The one place where the operator starts git. Nothing that a repository, a user's configuration or the environment says is
 * run or obeyed: no shell, no hooks, no filters (never a checkout), no prompts, one transport at a time. A token reaches git
 * through an inherited pipe that only a credential helper reads: it is in no argument, environment, URL or file.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { Writable } from 'node:stream';
import { errorCode } from '../../error-code.ts';
import { Gate } from '../../gate.ts';
import { mayReceive } from './credentials.ts';
import { type GitCredential, GitError } from './git.ts';
import { type RepositoryUrl, redactUrl } from './repository-url.ts';

/** What git may see of the operator's environment. */
export type GitEnvironment = Readonly<
  Partial<
    Record<
      | 'PATH'
      | 'TMPDIR'
      | 'SSH_AUTH_SOCK'
      | 'SSL_CERT_FILE'
      | 'GIT_SSL_CAINFO'
      | 'HTTPS_PROXY'
      | 'https_proxy'
      | 'ALL_PROXY'
      | 'all_proxy'
      | 'NO_PROXY'
      | 'no_proxy',
      string
    >
  >
>;

export type GitCall = {
  args: readonly string[];
  /** Bare repository to work in. */
  gitDir?: string;
  /** The remote that the call may speak to; none at all when left out. */
  remote?: RepositoryUrl;
  /** Handed over only if the remote is https and one of its hosts. */
  credential?: GitCredential | undefined;
  stdin?: Uint8Array;
  signal: AbortSignal;
  timeoutMs: number;
  /** Most bytes of stdout; default 16 MiB. */
  maxBytes?: number;
  /** Lines of progress on stderr. */
  onProgress?: ((line: string) => void) | undefined;
  /** The process group that was started. */
  onStart?: (pid: number) => void;
};

export type GitResult = {
  exitCode: number;
  stdout: Buffer /** The last 16 KiB, in English, without credentials. */;
  stderr: string;
};

const KEPT_STDERR = 16 * 1024;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin';

const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'credential.helper=',
  'submodule.recurse=false',
  'fetch.recurseSubmodules=false',
  'protocol.allow=never',
  'protocol.version=2',
  // Renamed repositories answer with a redirect; the helper below is asked again for the new host and stays silent.
  'http.followRedirects=initial',
  'http.lowSpeedLimit=100',
  'http.lowSpeedTime=60',
  'gc.auto=0',
  'maintenance.auto=false',
  'fetch.unpackLimit=1',
  'fetch.writeCommitGraph=false',
  'core.quotePath=false',
  'grep.threads=1',
];

const SSH = [
  'ssh',
  '-oBatchMode=yes',
  '-oConnectTimeout=20',
  '-oServerAliveInterval=15',
  '-oServerAliveCountMax=4',
  '-oClearAllForwardings=yes',
  '-oForwardAgent=no',
  // A shared connection would outlive the call and hold its output open.
  '-oControlPath=none',
  '-oPermitLocalCommand=no',
].join(' ');

// One process may ask several times (a push also negotiates), so the pipe holds several copies and read takes exactly one.
const HELPER =
  '!f() { test "$1" = get || exit 0; IFS= read -r user <&3 && IFS= read -r token <&3 && printf "username=%s\\npassword=%s\\n" "$user" "$token"; }; f';
const HELPER_COPIES = 8;

// The settings of a call do not reach the other end of a local transport, whose repository's configuration is a stranger's.
const LOCAL_SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.alternateRefsCommand=true',
  'core.sshCommand=false',
  'receive.autogc=false',
  'receive.denyCurrentBranch=refuse',
  'gc.auto=0',
  'maintenance.auto=false',
  // Its owner may be another user (a mounted folder); all that ownership protects from is switched off here.
  'safe.directory=*',
];

/** The option that makes git serve a local repository without obeying its configuration; nothing for other transports. */
export function servedBy(remote: RepositoryUrl, command: 'upload-pack' | 'receive-pack'): string[] {
  if (remote.transport !== 'local') return [];
  const settings = LOCAL_SETTINGS.map((setting) => `-c '${setting}'`).join(' ');
  return [`--${command}=GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 git ${settings} ${command}`];
}

export class GitRunner {
  readonly #environment: Record<string, string>;
  readonly #home: string;
  /** What is no more than work for processor and disk; many at once would take the operator its turn on them. */
  readonly #local = new Gate(2 * availableParallelism());

  /** `home` is a folder without configuration; it need not exist. */
  constructor(options: { home: string; environment?: GitEnvironment }) {
    const { SSL_CERT_FILE: certificates, ...environment } = options.environment ?? {};
    this.#home = options.home;
    this.#environment = {
      PATH: DEFAULT_PATH,
      ...(certificates === undefined ? {} : { GIT_SSL_CAINFO: certificates }),
      ...environment,
    };
  }

  /**
   * Runs git to its end, whatever its exit code.
   * @throws the signal's reason when aborted, GitError (Unreachable or GitFailed) at the deadline, GitFailed when git cannot be
   * started or writes too much. The whole process group has then been killed.
   */
  async run(call: GitCall): Promise<GitResult> {
    call.signal.throwIfAborted();
    // Waiting for a network keeps no processor busy.
    using _place = call.remote && call.remote.transport !== 'local' ? undefined : await this.#local.enter(call.signal);
    const credential = call.credential && call.remote && mayReceive(call.credential, call.remote) ? call.credential : undefined;
    const child = spawn('git', this.#arguments(call, credential !== undefined), {
      detached: true,
      env: this.#variables(call),
      stdio: [call.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', credential ? 'pipe' : 'ignore'],
    });
    if (child.pid !== undefined) call.onStart?.(child.pid);
    if (credential) hand(child.stdio[3], `${credential.username}\n${credential.token}\n`.repeat(HELPER_COPIES));
    if (call.stdin) hand(child.stdin, call.stdin);
    return await finish(child, call, credential);
  }

  #arguments(call: GitCall, helper: boolean): string[] {
    const settings = [...SETTINGS];
    if (helper && call.remote) settings.push(`credential.https://${call.remote.host}.helper=${HELPER}`);
    const directory = call.gitDir === undefined ? [] : [`--git-dir=${call.gitDir}`];
    return [...settings.flatMap((setting) => ['-c', setting]), ...directory, ...call.args];
  }

  #variables(call: GitCall): Record<string, string> {
    const transport = call.remote?.transport;
    return {
      ...this.#environment,
      HOME: this.#home,
      XDG_CONFIG_HOME: this.#home,
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_SSH_COMMAND: SSH,
      GIT_SSH_VARIANT: 'ssh',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_ALLOW_PROTOCOL: transport === undefined ? 'none' : transport === 'local' ? 'file' : transport,
      // Only where no repository is named; git would otherwise look for one around the operator's directory.
      ...(call.gitDir === undefined ? { GIT_DIR: '/dev/null/none' } : {}),
    };
  }
}

/** Waits for the end of the process, which the call's signal and deadline bring about early. */
async function finish(child: ChildProcess, call: GitCall, credential: GitCredential | undefined): Promise<GitResult> {
  const command = `git ${call.args[0]}`;
  const maxBytes = call.maxBytes ?? 16 * 1024 * 1024;
  const stdout: Buffer[] = [];
  let bytes = 0;
  let stderr = '';
  let ended: { reason: unknown } | undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const end = (reason: unknown) => {
    if (ended) return;
    ended = { reason };
    signalGroup(child, 'SIGTERM');
    killTimer = setTimeout(() => signalGroup(child, 'SIGKILL'), 1000);
  };
  const onAbort = () => end(call.signal.reason);
  call.signal.addEventListener('abort', onAbort, { once: true });
  const deadline = setTimeout(() => end(outOfTime(command, call)), call.timeoutMs);
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) end(new GitError('GitFailed', `${command} wrote more than ${maxBytes} bytes`));
    else stdout.push(chunk);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-KEPT_STDERR);
    if (call.onProgress) for (const line of text.split(/[\r\n]+/)) if (line !== '') call.onProgress(line);
  });
  try {
    const { code, signal } = await closed(child);
    if (ended) throw ended.reason;
    const text = redact(stderr, credential);
    if (code === null) throw new GitError('GitFailed', `${command} was ended by ${signal}. ${text}`.trim(), { transient: true });
    return { exitCode: code, stdout: Buffer.concat(stdout), stderr: text };
  } finally {
    clearTimeout(deadline);
    clearTimeout(killTimer);
    call.signal.removeEventListener('abort', onAbort);
  }
}

function closed(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      const why = errorCode(cause) === 'ENOENT' ? 'it is not installed, or not in PATH' : cause.message;
      reject(new GitError('GitFailed', `git cannot be started: ${why}`, { cause }));
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

/** git, its transport helper and ssh are one process group. */
function signalGroup(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It is gone already.
  }
}

function outOfTime(command: string, call: GitCall): GitError {
  const seconds = Math.round(call.timeoutMs / 1000);
  return call.remote
    ? new GitError('Unreachable', `${redactUrl(call.remote.location)} did not answer ${command} within ${seconds} s`, {
        transient: true,
      })
    : new GitError('GitFailed', `${command} did not end within ${seconds} s`, { transient: true });
}

/** Writes all and closes; a reader that went away is none of our concern. */
function hand(stream: unknown, content: string | Uint8Array): void {
  if (!(stream instanceof Writable)) return;
  stream.on('error', () => undefined);
  stream.end(content);
}

function redact(text: string, credential: GitCredential | undefined): string {
  let clean = text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@']*@/gi, '$1');
  if (credential) {
    const basic = Buffer.from(`${credential.username}:${credential.token}`).toString('base64');
    for (const secret of [credential.token, encodeURIComponent(credential.token), basic]) clean = clean.replaceAll(secret, '***');
  }
  return clean.trim();
}
