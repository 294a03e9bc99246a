/** The node's packet rules. In the table "mangle": after the addresses of services were translated, apart from kube-proxy's rules. */
import { execFile } from 'node:child_process';
import { type Chains, ROOT } from './policy-rules.ts';

const TIMEOUT_MS = 10_000;
const HOOKS = ['FORWARD', 'INPUT'];

export class Firewall {
  /** Chains of ours that are in the kernel; those of an enforcer before this one included. */
  #present: Set<string> | undefined;
  #applied = '';

  /**
   * Replaces all rules of ours by these, at one moment. Does nothing when they are in place.
   * @throws when iptables fails; then nothing has changed
   */
  async apply(chains: Chains): Promise<void> {
    const present = this.#present ?? (await this.#find());
    const names = new Set(chains.keys());
    const gone = [...present].filter((name) => !names.has(name));
    const rules = [...chains].flatMap(([name, lines]) => lines.map((line) => `-A ${name} ${line}`)).join('\n');
    if (rules === this.#applied) return;
    // A chain that is named in front is emptied first.
    const heads = [...names, ...gone].map((name) => `:${name} - [0:0]`).join('\n');
    const ends = gone.map((name) => `-X ${name}\n`).join('');
    await run('iptables-restore', ['--noflush', '--wait', '5'], `*mangle\n${heads}\n${rules}\n${ends}COMMIT\n`);
    for (const hook of HOOKS) {
      const jump = [hook, '-j', ROOT];
      await run('iptables', ['-w', '5', '-t', 'mangle', '-C', ...jump]).catch(() =>
        run('iptables', ['-w', '5', '-t', 'mangle', '-A', ...jump]),
      );
    }
    this.#present = names;
    this.#applied = rules;
  }

  async #find(): Promise<Set<string>> {
    const saved = await run('iptables-save', ['-t', 'mangle']);
    return new Set([...saved.matchAll(/^:(SWE-\S+)/gm)].map(([, name = '']) => name));
  }
}

function run(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, [...args], { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')} failed: ${stderr.trim() || error.message}`, { cause: error }));
      else resolve(stdout);
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
