/** Looks settings up in the environment and the `.env` file, and collects what is wrong with them. */
import { readFileSync } from 'node:fs';
import { cleanValue, parseEnvFile } from './env-file.ts';
import { errorCode } from './error-code.ts';
import { SecretText } from './secret-text.ts';
import { isSetting, nearestSetting, SETTINGS, type Setting, type SettingName } from './setting-names.ts';

/** One setting that cannot be used. `value` is what was found, hidden when it is secret; `remedy` says what to do. */
export type SettingsProblem = { readonly name: string; readonly value: string; readonly remedy: string };

/** All that is wrong with the settings. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly SettingsProblem[];
  constructor(problems: readonly SettingsProblem[]) {
    const lines = problems.map(({ name, value, remedy }) => `  ${name}${value === '' ? '' : `=${value}`}: ${remedy}`);
    super(`these settings cannot be used:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

/** Variables of the machine that trusted child processes need. */
const SYSTEM = [
  'PATH',
  'HOME',
  'USER',
  'TMPDIR',
  'LANG',
  'LC_ALL',
  'TZ',
  'SSH_AUTH_SOCK',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
  'HTTP_PROXY',
  'http_proxy',
  'HTTPS_PROXY',
  'https_proxy',
  'ALL_PROXY',
  'all_proxy',
  'NO_PROXY',
  'no_proxy',
] as const;

export type SystemVariable = (typeof SYSTEM)[number];

/** Reads them all at once; secrets are deleted from `env`. */
export class SettingsReader {
  readonly problems: SettingsProblem[] = [];
  readonly warnings: string[] = [];
  readonly secrets: SecretText[] = [];
  readonly #raw = new Map<string, string>();

  constructor(env: NodeJS.ProcessEnv, envFile: string) {
    const file = this.#readFile(envFile);
    const names = new Set([...file.keys(), ...Object.keys(env)]);
    for (const name of names) {
      const setting: Setting | undefined = isSetting(name) ? SETTINGS[name] : undefined;
      const given = env[name];
      // Also what the file overrides leaves the environment.
      if (setting?.secret) delete env[name];
      if (setting || SYSTEM.some((variable) => variable === name)) {
        const value = given === undefined ? file.get(name) : setting ? cleanValue(given) : given;
        if (value !== undefined && value !== '') this.#raw.set(name, value);
      } else this.#warnOfName(name);
    }
  }

  text(name: SettingName): string | undefined {
    return this.#raw.get(name);
  }

  /** What stands between commas. */
  list(name: SettingName): string[] {
    return (this.text(name) ?? '')
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '');
  }

  secret(name: SettingName): SecretText | undefined {
    const value = this.#raw.get(name);
    if (value === undefined) return undefined;
    const secret = new SecretText(value);
    this.secrets.push(secret);
    return secret;
  }

  integer(name: SettingName, fallback: number, min: number, max: number): number {
    const value = this.#raw.get(name);
    if (value === undefined) return fallback;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    this.problem(name, `write a whole number from ${min} to ${max}`);
    return fallback;
  }

  choice<T extends string>(name: SettingName, choices: readonly T[], fallback: T): T {
    const value = this.#raw.get(name)?.toLowerCase();
    if (value === undefined) return fallback;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.problem(name, `choose one of ${choices.join(', ')}`);
    return found ?? fallback;
  }

  flag(name: SettingName): boolean | undefined {
    const value = this.#raw.get(name)?.toLowerCase();
    if (value === undefined) return undefined;
    if (['true', '1', 'yes'].includes(value)) return true;
    if (!['false', '0', 'no'].includes(value)) this.problem(name, 'write true or false');
    return false;
  }

  /** @param shown what may be shown of the value; by default all of it, or nothing of a secret */
  problem(name: SettingName, remedy: string, shown?: string): void {
    const setting: Setting = SETTINGS[name];
    const value = this.#raw.get(name) ?? '';
    this.problems.push({ name, value: shown ?? (setting.secret && value !== '' ? '***' : value), remedy });
  }

  system(): Partial<Record<SystemVariable, string>> {
    const found: Partial<Record<SystemVariable, string>> = {};
    for (const name of SYSTEM) {
      const value = this.#raw.get(name);
      if (value !== undefined) found[name] = value;
    }
    return found;
  }

  finish(): void {
    if (this.problems.length > 0) throw new SettingsError(this.problems);
  }

  #readFile(path: string): Map<string, string> {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      const code = errorCode(error);
      if (code !== 'ENOENT')
        this.problems.push({ name: path, value: '', remedy: `it cannot be read (${code}); make it a readable file` });
      return new Map();
    }
    const { values, problems } = parseEnvFile(text);
    for (const { line, message } of problems)
      this.problems.push({ name: `${path} line ${line}`, value: '', remedy: `${message}; mend or remove it` });
    return values;
  }

  #warnOfName(name: string): void {
    const near = nearestSetting(name);
    if (near) this.warnings.push(`${name} is no setting; did you mean ${near}?`);
    else if (name.startsWith('SWE_AGENT_')) this.warnings.push(`${name} is no setting of this version; see docs/settings.md`);
  }
}
