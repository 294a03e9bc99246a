/** Lines for a terminal that do what the form and the list do. A key is never in them: they take it from $API_KEY. */
import { type Door, linesFor, quote, sendingJson } from '../terminal/lines.ts';
import type { ProfileRights } from './profile-rights.ts';
import { bodyOf, keyHost, objectName, type ProfileValues, specChangeOf, specOf } from './profile-values.ts';

export type ProfileCommand = { title: string; curl: string; kubectl: string };

/** The line that makes the profile as it is entered. @param withKey whether it gets one */
export function createCommand(values: ProfileValues, withKey: boolean, door: Door): ProfileCommand {
  const name = objectName(values);
  const secret = withKey ? `${name}-key` : undefined;
  const { curl, kubectl } = linesFor(door, '/agent/profiles');
  const object = {
    apiVersion: 'sweagent.dev/v1alpha1',
    kind: 'AIProfile',
    metadata: { name },
    spec: specOf(values, secret),
  };
  const steps = [
    ...(secret === undefined ? [] : newSecret(secret, keyHost(values), kubectl)),
    kubectl(`apply -f - <<'EOF'\n${yaml(object)}EOF`),
  ];
  return { title: 'Create it', curl: `${curl('', '-X', 'POST')} ${data(bodyOf(values), withKey)}`, kubectl: steps.join('\n') };
}

/** A profile that is there. */
export type ProfileSubject = {
  name: string;
  /** Name of the key's Secret, where there is one. */
  secret: string | null;
  /** Where its key is for; null where that cannot be told. */
  host: string | null;
  /** What its form would save, by REST's names. */
  change: Readonly<Record<string, unknown>>;
  /** The host that the change moves it to, for which it needs a key of its own; null where the stored one goes along. */
  movesTo: string | null;
};

/** What somebody can do with a profile that is there. @param author whom it could be assigned to */
export function profileCommands(
  subject: ProfileSubject,
  author: string | null,
  door: Door,
  may: ProfileRights,
): ProfileCommand[] {
  const { name, secret, host, change, movesTo } = subject;
  const { curl, kubectl } = linesFor(door, `/agent/profiles/${name}`);
  const patchSpec = (spec: object) => kubectl(`patch aip ${name} --type merge -p ${quote(JSON.stringify({ spec }))}`);
  const patch = (body: object, spec: object, withKey = false) => ({
    curl: `${curl('', '-X', 'PATCH')} ${data(body, withKey)}`,
    kubectl: patchSpec(spec),
  });
  const users = [author ?? 'alice'];
  const made = `${name}-key`;
  const newKey =
    secret === null
      ? [...newSecret(made, movesTo ?? host, kubectl), patchSpec({ credentialSecretRef: { name: made } })].join('\n')
      : kubectl(`patch secret ${quote(secret)} --type merge -p ${withKeyFromShell('{"stringData":{', '}}', 'apiKey')}`);
  const edit = patch(change, specChangeOf(change), movesTo !== null);
  const newHost = movesTo === null ? [] : [newKey, ...(secret === null ? [] : [boundTo(secret, movesTo, kubectl)])];
  const all: (ProfileCommand & { allowed: boolean })[] = [
    { allowed: true, title: 'Show it', curl: curl(''), kubectl: kubectl(`describe aip ${name}`) },
    {
      allowed: may.test,
      title: 'Test it now',
      curl: curl('/test', '-X', 'POST'),
      kubectl: kubectl(`annotate aip ${name} --overwrite sweagent.dev/probe-requested="$(date +%s)"`),
    },
    {
      allowed: may.change && (movesTo === null || may.replaceKey),
      title: 'Edit it',
      curl: edit.curl,
      kubectl: [edit.kubectl, ...newHost].join('\n'),
    },
    { allowed: may.change, title: 'Make it the default', ...patch({ default: true }, { default: true }) },
    { allowed: may.change, title: 'Assign it to users', ...patch({ users }, { users }) },
    {
      allowed: may.replaceKey,
      title: secret === null ? 'Give it a key' : 'Replace its key',
      curl: `${curl('/key', '-X', 'PUT')} ${data({}, true)}`,
      kubectl: newKey,
    },
    { allowed: may.delete, title: 'Delete it', curl: curl('', '-X', 'DELETE'), kubectl: kubectl(`delete aip ${name}`) },
  ];
  return all.filter(({ allowed }) => allowed).map(({ allowed: _, ...command }) => command);
}

type Kubectl = (rest: string) => string;

/** The lines that make a Secret of the key. */
function newSecret(name: string, host: string | null, kubectl: Kubectl): string[] {
  return [
    kubectl(`create secret generic ${name} --from-literal=apiKey="$API_KEY"`),
    kubectl(`label secret ${name} sweagent.dev/credential=model`),
    ...(host === null ? [] : [boundTo(name, host, kubectl)]),
  ];
}

/** The key goes nowhere else, whatever the profile is changed to. */
function boundTo(secret: string, host: string, kubectl: Kubectl): string {
  return kubectl(`annotate secret ${quote(secret)} --overwrite ${quote(`sweagent.dev/hosts=${host}`)}`);
}

/** What curl sends as JSON. @param withKey whether a key from the shell is part of it */
function data(body: object, withKey: boolean): string {
  const json = JSON.stringify(body);
  const begin = json.slice(0, -1);
  return sendingJson(withKey ? withKeyFromShell(begin === '{' ? begin : `${begin},`, '}') : quote(json));
}

/** JSON with the key put in by the shell between a beginning and an end. */
function withKeyFromShell(begin: string, end: string, field = 'key'): string {
  return `${quote(`${begin}"${field}":"`)}"$API_KEY"${quote(`"${end}`)}`;
}

/** Texts that YAML takes for something else. */
const NOT_TEXT = /^(true|false|null|yes|no|on|off|y|n)$/i;

/** Block style; texts that could be taken for something else are quoted as in JSON, which YAML takes as it is. */
function yaml(value: object, indent = ''): string {
  return Object.entries(value)
    .map(([name, inner]: [string, unknown]) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? `${indent}${name}:\n${yaml(inner, `${indent}  `)}`
        : `${indent}${name}: ${scalar(inner)}\n`,
    )
    .join('');
}

function scalar(value: unknown): string {
  const plain = typeof value === 'string' && /^[A-Za-z][\w./-]*$/.test(value) && !NOT_TEXT.test(value);
  return plain ? value : JSON.stringify(value);
}
