import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it as plain } from '@jest/globals';
import { loopbackCertificate } from '../support/certificate.ts';
import { type GitHttpServer, startGitHttpServer } from '../support/git-http-server.ts';
import { makeRepository } from '../support/git-repository.ts';
import type { ModelReply } from '../support/model-server.ts';
import { itIsolated, itWithKubectl } from '../support/requirements.ts';
import { type Housed, SANDBOX_KINDS, type SandboxKind } from '../support/sandbox-kinds.ts';
import { bash, greet } from '../support/scripted-sessions.ts';
import type { System } from '../support/system.ts';

const isolated = itIsolated();
const withKubectl = itWithKubectl();

/** Recognisable wherever they turn up, also in parts. */
const SECRETS = {
  OPENAI_API_KEY: 'sk-RECOGNISE-openai-4f9a1c',
  GIT_TOKEN: 'github_pat_RECOGNISE_git_7b2e',
  API_TOKEN: 'RECOGNISE-api-token-0d83a6f2',
  GOOGLE_API_KEY: 'AIza-RECOGNISE-google-91c4',
  DAYTONA_API_KEY: 'dtn_RECOGNISE_daytona_5e6d',
  ANTHROPIC_API_KEY: 'sk-ant-RECOGNISE-anthropic-3c1d',
  AZURE_OPENAI_API_KEY: 'RECOGNISE-azure-88e2f0',
};
const FROM_FILE = ['GIT_TOKEN', 'GOOGLE_API_KEY', 'DAYTONA_API_KEY'] as const;
/** They become profiles, whose Secrets hold them. */
const PROFILE_KEYS: string[] = ['OPENAI_API_KEY', 'GOOGLE_API_KEY', 'ANTHROPIC_API_KEY', 'AZURE_OPENAI_API_KEY'];
const fromEnvironment = {
  OPENAI_API_KEY: SECRETS.OPENAI_API_KEY,
  ANTHROPIC_API_KEY: SECRETS.ANTHROPIC_API_KEY,
  AZURE_OPENAI_API_KEY: SECRETS.AZURE_OPENAI_API_KEY,
  AZURE_OPENAI_ENDPOINT: 'https://resource.openai.azure.com',
  AZURE_OPENAI_DEPLOYMENT: 'deployed',
  API_TOKEN: SECRETS.API_TOKEN,
  LOG_LEVEL: 'debug',
};

/** Commands that look for secrets wherever they can. */
const LOOKS: Record<SandboxKind['type'], (system: System) => ModelReply[]> = {
  local: (system) => {
    const state = system.path('state');
    return [
      bash('env; export -p; set'),
      bash("for f in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do tr '\\000' '\\n' < $f 2>/dev/null; done | sort -u; true"),
      bash(
        `cat ${state}/kubernetes/* ${state}/*.db ${state}/kubeconfig ${system.path('.env')} .env ../.env ../../.env 2>&1; ls -la ${state} ${system.folder} 2>&1; true`,
      ),
      bash(
        'for p in /proc/[0-9]*; do ls -l $p/fd $p/cwd $p/root; cat $p/root/proc/*/environ; head -c 100000 $p/mem; done 2>&1 | strings | sort -u; true',
      ),
    ];
  },
  // The machine has nothing on it but the sandbox, so what is the operator's is not there to be looked for.
  daytona: () => [
    bash('env; export -p; set'),
    bash("tr '\\000' '\\n' < /proc/self/environ; tr '\\000' '\\n' < /proc/$PPID/environ; tr '\\000' '\\n' < /proc/$PPID/cmdline"),
    bash('git config --list --show-origin; git remote -v; cat .git/config .env ../.env 2>&1; true'),
    bash('cd $HOME/..; find . -type f ! -path "./repo/.git/objects/*" -exec cat {} +; true'),
  ],
};

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // It has ended.
    return '';
  }
}

/** The names of the secrets that are in the text, as they are or in Base64. */
function found(text: string): string[] {
  return Object.entries(SECRETS).flatMap(([name, secret]) =>
    [secret, ...inBase64(secret)].some((form) => text.includes(form)) ? [name] : [],
  );
}

/** What is left of a text in Base64 whatever comes before and after it, one form for each place in which it can begin. */
function inBase64(text: string): string[] {
  return [0, 1, 2].map((before) =>
    Buffer.from('.'.repeat(before) + text)
      .toString('base64')
      .slice(before === 0 ? 0 : 4, -4),
  );
}

/** What a file holds; nothing when it has gone meanwhile. */
function content(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH'].includes(String(error.code))) return '';
    throw error;
  }
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}

describe.each(SANDBOX_KINDS)('with commands in $name,', (kind) => {
  // Only on this machine are they beside what they must not see.
  const it = kind.type === 'local' ? isolated : plain;
  let housed: Housed;
  let system: System;
  let server: GitHttpServer;
  let id: string;
  const goal = 'Look for secrets';
  /** The processes of the system and its sandboxes, each time a git of the system waited for an answer to its token. */
  const whileGitAsked: { command: string; names: string[] }[] = [];
  /** All that was sent to Daytona. */
  const sent: Buffer[] = [];

  beforeAll(async () => {
    const tls = await loopbackCertificate();
    housed = await kind.start({
      env: fromEnvironment,
      envFile: FROM_FILE.map((name) => `${name}=${SECRETS[name]} # kept here\n`).join(''),
      headers: { authorization: `Bearer ${SECRETS.API_TOKEN}` },
      prepare: async (folder) => {
        writeFileSync(join(folder, 'certificate.pem'), tls.cert);
        mkdirSync(join(folder, 'remotes'));
        await makeRepository(join(folder, 'remotes/greeter.git'), [{ files: { 'README.md': 'Greets.\n' } }], { bare: true });
        server = await startGitHttpServer({ root: join(folder, 'remotes'), tls, token: SECRETS.GIT_TOKEN });
        server.options.pause = async () => {
          whileGitAsked.push(...othersOfTheSystem());
        };
        return { GIT_TOKEN_HOSTS: server.host, GIT_SSL_CAINFO: join(folder, 'certificate.pem') };
      },
      atDaytona: (daytona) => {
        daytona.apiKey = SECRETS.DAYTONA_API_KEY;
        daytona.hears = (bytes) => sent.push(bytes);
      },
    });
    ({ system } = housed);
    system.model.on(goal, { work: [...LOOKS[kind.type](system), ...greet] });
    id = await system.session(goal, `${server.url}/greeter.git`);
    const { result } = await system.completed(id);
    // The token was used, both ways.
    expect(result.pushed).toBe(true);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await housed.close();
  });

  /** Every process of the system but its own, which was started with secrets, and what of them is in arguments and environment. */
  function othersOfTheSystem(): { command: string; names: string[] }[] {
    return system.processes().map(({ pid, command }) => ({ command, names: found(`${command}\n${environmentOf(pid)}`) }));
  }

  describe('no secret of the environment or of .env', () => {
    it('is seen by commands, whatever they read', () => {
      const seen = system.model.results(goal);
      expect(seen.length).toBeGreaterThanOrEqual(5);
      expect(seen[0]).toContain('HOME=');
      expect(seen[1]).toContain('SWE_AGENT_SANDBOX');
      expect(found(seen.join('\n'))).toEqual([]);
    });

    it('is in what is sent to the model', () => {
      expect(system.model.requests(goal).length).toBeGreaterThan(5);
      for (const request of system.model.requests(goal)) expect(found(request.raw)).toEqual([]);
    });

    it.each(['', '/events', '/diff', '/plan', '/bundle'])('is in what REST says of the session: …%s', async (part) => {
      const path = `/agent/sessions/${id}${part}`;
      const headers = { authorization: `Bearer ${SECRETS.API_TOKEN}` };
      const response = await fetch(`${system.url}${path}`, { headers });
      expect(response.status).toBe(200);
      let text = '';
      if (part !== '/events') text = await response.text();
      else
        for await (const chunk of response.body ?? []) {
          text += Buffer.from(chunk).toString();
          if (text.includes('session.finished')) break;
        }
      expect(text.length).toBeGreaterThan(100);
      expect(found(text)).toEqual([]);
    });

    it.each(['/agent/sessions', '/agent/tasks', '/metrics', '/openapi.json', '/healthz', '/readyz'])('is in %s', async (path) => {
      const { text, status } = await system.request('GET', path);
      expect(status).toBe(200);
      expect(found(text)).toEqual([]);
    });

    withKubectl('is in any object but the Secret that holds the key, nor in its description', async () => {
      const all = await system.kubectl(['get', 'ags,aip,events,leases,namespaces', '-A', '-o', 'yaml']);
      expect(all.out).toContain('kind: AIProfile');
      expect(found(all.out)).toEqual([]);
      expect(found((await system.kubectl(['describe', 'ags,aip,secrets', '-A'])).out)).toEqual([]);
      const secrets = await system.kubectl(['get', 'secrets', '-A', '-o', 'yaml']);
      expect(found(secrets.out)).toEqual(PROFILE_KEYS);
    });

    it('is in what the process writes to its terminal', () => {
      expect(system.output).toContain('ready on');
      expect(found(system.output)).toEqual([]);
    });

    it('is in any file of state and sandbox but the database of objects', () => {
      const folders = ['state', kind.type === 'local' ? 'workspace' : 'daytona', 'tmp'];
      const all = folders.flatMap((folder) => files(system.path(folder)));
      // The one of the sandbox is among them.
      expect(all).toContain(housed.inside(id, 'repo/greeting.txt'));
      const databases = all.filter((file) => relative(system.path('state'), file).startsWith('kubernetes/'));
      expect(all.length).toBeGreaterThan(databases.length);
      for (const file of all) {
        const names = found(content(file));
        const allowed = databases.includes(file) ? PROFILE_KEYS : [];
        expect({ file, names: names.filter((name) => !allowed.includes(name)) }).toEqual({ file, names: [] });
      }
      // What holds the key is for its owner alone.
      for (const file of databases) expect({ file, mode: statSync(file).mode & 0o077 }).toEqual({ file, mode: 0 });
      expect(statSync(system.path('state')).mode & 0o077).toBe(0);
      expect(statSync(system.path('state/kubeconfig')).mode & 0o077).toBe(0);
    });

    it('is in arguments or environment of git while it talks to a server that asks for the token', () => {
      const fetching = whileGitAsked.filter(({ command }) => command.includes('remote-https'));
      expect(fetching.length).toBeGreaterThan(1);
      expect(whileGitAsked.filter(({ names }) => names.length > 0)).toEqual([]);
      // Those of the sandbox were among them.
      expect(whileGitAsked.filter(({ command }) => command.includes('swe-agent-runner'))).not.toEqual([]);
    });

    it('is in the environment of any process but the one that was started with it', () => {
      for (const { pid } of system.processes()) {
        expect({ pid, names: found(environmentOf(pid)) }).toEqual({ pid, names: [] });
      }
    });

    if (kind.type === 'daytona')
      it('is in what is sent to Daytona, but for its own key, which says who asks', () => {
        const text = Buffer.concat(sent).toString('latin1');
        const asking = new RegExp(`^authorization: Bearer ${SECRETS.DAYTONA_API_KEY}\\r$`, 'gim');
        const others = text.replaceAll(asking, '');
        expect(others.length).toBeLessThan(text.length);
        // What runs there came that way, and files in Base64.
        expect(others.includes('swe-agent-runner')).toBe(true);
        expect(inBase64('greeting.txt').some((form) => others.includes(form))).toBe(true);
        expect(found(others)).toEqual([]);
      });
  });

  if (kind.first)
    it('nobody gets in without API_TOKEN, and a wrong one is not repeated', async () => {
      for (const authorization of ['', 'Bearer wrong-token-0123456789']) {
        const answer = await system.request('GET', `/agent/sessions/${id}`, undefined, { authorization });
        expect(answer.status).toBe(401);
        expect(answer.text).not.toContain('wrong-token');
      }
    });
});
