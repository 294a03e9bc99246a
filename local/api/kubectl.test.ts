import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mergePatchType, type TestApi, testApi } from '../../test/support/embedded-api.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type Kubectl, kubectl, kubectlMissing } from '../../test/support/kubectl.ts';

const missing = kubectlMissing();
if (missing && process.env.CI === 'true') throw new Error(`the tests with kubectl must run here, but ${missing}`);
if (missing) console.warn(`the tests with kubectl are left out: ${missing}`);

const manifest = (name: string, spec = '') => `
apiVersion: sweagent.dev/v1alpha1
kind: AgentSession
metadata: {name: ${name}}
spec:
  goal: Fix the bug
  repository: {url: https://example.com/repo.git}
${spec && `  ${spec}`}
`;
const secretManifest = (value: string) => `
apiVersion: v1
kind: Secret
metadata: {name: applied, labels: {sweagent.dev/credential: ""}}
data: {token: ${Buffer.from(value).toString('base64')}, ${value}: ""}
`;

(missing ? describe.skip : describe)('kubectl', () => {
  let api: TestApi;
  let run: Kubectl;
  beforeAll(async () => {
    api = await testApi();
    run = kubectl(api.kubeconfigPath, join(api.stateDir, 'home'));
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
  });

  const ok = async (args: readonly string[], options?: Parameters<Kubectl>[1]) => {
    const { code, out, err } = await run(args, options);
    expect({ args, code, err: err.replaceAll(/^Warning:.*\n/gm, '') }).toEqual({ args, code: 0, err: '' });
    return out;
  };
  const apply = (input: string) => ok(['apply', '-f', '-'], { input });
  const status = (name: string, value: unknown) =>
    api.send(
      'PATCH',
      `/apis/sweagent.dev/v1alpha1/namespaces/default/agentsessions/${name}/status`,
      { status: value },
      mergePatchType,
    );
  const condition = (type: string) => ({
    type,
    status: 'True',
    reason: 'Because',
    message: 'It is so.',
    lastTransitionTime: '2026-05-01T12:00:00Z',
  });
  const editor = async (script: string) => {
    const path = join(api.stateDir, `editor-${script.length}.sh`);
    await writeFile(path, `#!/bin/sh\n${script} "$1"\n`);
    await chmod(path, 0o700);
    return { KUBE_EDITOR: path };
  };

  it('lists what can be used', async () => {
    const out = await ok(['api-resources', '-o', 'wide']);
    expect(out).toMatch(/^agentsessions +ags +sweagent\.dev\/v1alpha1 +true +AgentSession +\S*watch\S* +sweagent$/m);
    expect(out).toMatch(/^secrets +v1 +true +Secret /m);
  });

  it('applies a manifest: created, unchanged, configured', async () => {
    expect(await apply(manifest('applied'))).toBe('agentsession.sweagent.dev/applied created\n');
    expect(await apply(manifest('applied'))).toBe('agentsession.sweagent.dev/applied unchanged\n');
    expect(await apply(manifest('applied', 'suspend: true'))).toBe('agentsession.sweagent.dev/applied configured\n');
    expect(await ok(['get', 'ags', 'applied', '-o', 'jsonpath={.spec.suspend}'])).toBe('true');
    expect(await apply(manifest('applied'))).toBe('agentsession.sweagent.dev/applied configured\n');
    expect(await ok(['get', 'ags', 'applied', '-o', 'jsonpath={.spec.suspend}'])).toBe('false');
  });

  it('applies a Secret, whose removed values go', async () => {
    expect(await apply(secretManifest('one'))).toBe('secret/applied created\n');
    expect(await apply(secretManifest('one'))).toBe('secret/applied unchanged\n');
    expect(await apply(secretManifest('two'))).toBe('secret/applied configured\n');
    const data = JSON.parse(await ok(['get', 'secret', 'applied', '-o', 'jsonpath={.data}']));
    expect(Object.keys(data).sort()).toEqual(['token', 'two']);
  });

  it('refuses a manifest with an unknown field or a wrong value', async () => {
    const unknown = await run(['apply', '-f', '-'], { input: manifest('odd', 'gaol: Fix') });
    expect(unknown.code).toBe(1);
    expect(unknown.err).toContain('strict decoding error: unknown field "spec.gaol"');
    const wrong = await run(['apply', '-f', '-'], { input: manifest('odd', 'mode: manual') });
    expect(wrong.err).toContain('The AgentSession "odd" is invalid');
    expect(wrong.err).toContain('spec.mode: Unsupported value: "manual": supported values: "auto", "review"');
  });

  it('shows tables, narrow and wide, and YAML', async () => {
    await apply(manifest('shown'));
    await status('shown', { phase: 'Planning', steps: 4, conditions: [condition('Progressing')] });
    const table = await ok(['get', 'ags', 'shown']);
    expect(table).toMatch(/^NAME +PHASE +REASON +STEPS +COST +BRANCH +AGE$/m);
    expect(table).toMatch(/^shown +Planning +Because +4 +\d+s$/m);
    expect(await ok(['get', 'ags', 'shown', '-o', 'wide'])).toMatch(
      /AUTHOR +REPOSITORY +GOAL +MESSAGE\n.*https:\/\/example\.com\/repo\.git +Fix the bug +It is so\./,
    );
    expect(await ok(['get', 'agentsession', 'shown', '-o', 'yaml'])).toContain('\n  goal: Fix the bug\n');
    expect(await ok(['get', 'sweagent', '-o', 'name'])).toContain('agentsession.sweagent.dev/shown');
  });

  it('watches changes', async () => {
    await apply(manifest('watched'));
    const watch = run.start(['get', 'ags', 'watched', '-w']);
    await eventually('first line', () => /^watched/m.test(watch.out()));
    await status('watched', { phase: 'Queued' });
    await eventually('second line', () => /^watched +Queued/m.test(watch.out()));
    watch.stop();
    await watch.done;
  });

  it('waits for a field, a condition and a deletion', async () => {
    await apply(manifest('awaited'));
    const waits = ['jsonpath={.status.phase}=Completed', 'condition=Finished', 'delete'].map((what) =>
      run.start(['wait', 'ags/awaited', `--for=${what}`, '--timeout=15s']),
    );
    await status('awaited', { phase: 'Completed', conditions: [condition('Finished')] });
    for (const wait of waits.slice(0, 2)) expect((await wait.done).out).toBe('agentsession.sweagent.dev/awaited condition met\n');
    await ok(['delete', 'ags', 'awaited']);
    expect((await waits[2]?.done)?.code).toBe(0);
    expect((await ok(['wait', 'crd/agentsessions.sweagent.dev', '--for=condition=Established'])).trim()).toMatch(
      /condition met$/,
    );
  });

  it('describes a session with its events', async () => {
    await apply(manifest('described'));
    const uid = await ok(['get', 'ags', 'described', '-o', 'jsonpath={.metadata.uid}']);
    const event = {
      metadata: { generateName: 'described-' },
      eventTime: new Date().toISOString().replace('Z', '000Z'),
      reportingController: 'sweagent.dev/operator',
      reportingInstance: 'one',
      action: 'Plan',
      reason: 'Planned',
      type: 'Normal',
      note: 'the plan is ready',
      regarding: { apiVersion: 'sweagent.dev/v1alpha1', kind: 'AgentSession', namespace: 'default', name: 'described', uid },
    };
    expect((await api.send('POST', '/apis/events.k8s.io/v1/namespaces/default/events', event)).code).toBe(201);
    const out = await ok(['describe', 'ags', 'described']);
    expect(out).toMatch(/Goal: +Fix the bug/);
    expect(out).toMatch(/Normal +Planned +\d+s +sweagent\.dev\/operator +the plan is ready/);
    expect(await ok(['get', 'events'])).toMatch(/Normal +Planned +agentsession\/described +the plan is ready/);
    expect(await ok(['events', '--for', 'agentsession.sweagent.dev/described'])).toContain('the plan is ready');
  });

  it('explains the fields', async () => {
    const out = await ok(['explain', 'agentsession.spec.inputs', '--recursive']);
    expect(out).toContain('Messages to the session, in the order in which they were sent. Append only.');
    expect(out).toMatch(/message\t<string> -required-/);
    expect(await ok(['explain', 'secret.data'])).toContain('FIELD: data <map[string]string>');
    expect(await ok(['explain', 'aiprofile.metadata.ownerReferences'])).toContain('blockOwnerDeletion');
  });

  it('edits in an editor, and keeps what was refused', async () => {
    await apply(manifest('edited'));
    const env = await editor("sed -i 's/suspend: false/suspend: true/'");
    expect(await ok(['edit', 'ags', 'edited'], { env })).toBe('agentsession.sweagent.dev/edited edited\n');
    const refused = await run(['edit', 'ags', 'edited'], { env: await editor("sed -i 's/goal: Fix the bug/goal: Other/'") });
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('agentsessions.sweagent.dev "edited" is invalid');
    expect(await ok(['get', 'ags', 'edited', '-o', 'jsonpath={.spec}'])).toMatch(/"goal":"Fix the bug".*"suspend":true/);
  });

  it('patches, labels and annotates', async () => {
    await apply(manifest('changed'));
    const patch = (type: string, text: string, ...more: string[]) =>
      ok(['patch', 'ags', 'changed', `--type=${type}`, '-p', text, ...more]);
    expect(await patch('merge', '{"spec":{"approvedPlan":1}}')).toBe('agentsession.sweagent.dev/changed patched\n');
    await patch('json', '[{"op":"add","path":"/spec/inputs","value":[{"id":"one","message":"Also the docs"}]}]');
    await patch('merge', '{"status":{"phase":"Queued"}}', '--subresource=status');
    await ok(['label', 'ags', 'changed', 'team=web']);
    await ok(['annotate', 'ags', 'changed', 'note=hello']);
    expect(await ok(['get', 'ags', '-l', 'team in (web)', '-o', 'name'])).toBe('agentsession.sweagent.dev/changed\n');
    expect(await ok(['get', 'ags', '--field-selector', 'status.phase=Queued,metadata.name=changed', '-o', 'name'])).toContain(
      'changed',
    );
    await ok(['label', 'ags', 'changed', 'team-']);
    expect(await ok(['get', 'ags', '-l', 'team', '-o', 'name'])).toBe('');
  });

  it('deletes, waiting for finalizers', async () => {
    await apply(manifest('finalized'));
    await ok(['patch', 'ags', 'finalized', '--type=merge', '-p', '{"metadata":{"finalizers":["example.com/hold"]}}']);
    const deletion = run.start(['delete', 'ags', 'finalized']);
    const path = '/apis/sweagent.dev/v1alpha1/namespaces/default/agentsessions/finalized';
    await eventually('marked', async () => (await api.send('GET', path)).body.metadata.deletionTimestamp);
    await api.send('PATCH', path, { metadata: { finalizers: null } }, mergePatchType);
    const done = await deletion.done;
    expect(done).toMatchObject({ code: 0, err: '' });
    // Newer versions add the namespace.
    expect(done.out).toMatch(/^agentsession\.sweagent\.dev "finalized" deleted( from default namespace)?\n$/);
  });

  it('creates Secrets and namespaces, and deletes a namespace with all in it', async () => {
    await ok(['create', 'namespace', 'team']);
    await ok(['-n', 'team', 'create', 'secret', 'generic', 'openai', '--from-literal=apiKey=sk-1']);
    const data = await ok(['-n', 'team', 'get', 'secret', 'openai', '-o', 'jsonpath={.data.apiKey}']);
    expect(Buffer.from(data, 'base64').toString()).toBe('sk-1');
    expect(await ok(['-n', 'team', 'describe', 'secret', 'openai'])).toContain('apiKey:  4 bytes');
    await ok(['delete', 'namespace', 'team', '--timeout=15s']);
    expect((await run(['-n', 'team', 'get', 'secret', 'openai'])).err).toContain('namespaces "team" not found');
  });

  it('knows who it is and what it may', async () => {
    expect(await ok(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'])).toBe('ada');
    expect(await ok(['auth', 'can-i', 'create', 'agentsessions.sweagent.dev'])).toBe('yes\n');
    expect(await ok(['version'])).toContain('Server Version: v1.');
  });

  it('is told plainly that server-side apply is not served', async () => {
    const answer = await run(['apply', '--server-side', '-f', '-'], { input: manifest('server-side') });
    expect(answer.code).toBe(1);
    expect(answer.err).toMatch(/Server-side apply not available on the server.*use kubectl apply without --server-side/);
  });
});
