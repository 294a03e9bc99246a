import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Json, jsonPatchType, mergePatchType, session, sessionsPath } from '../../support/embedded-api.ts';

import type { OpenApi } from '../kube-api.ts';

export function validation(open: OpenApi): void {
  describe('validating', () => {
    let api: Awaited<ReturnType<OpenApi>>;
    beforeAll(async () => {
      api = await open();
    });
    afterAll(async () => {
      await api[Symbol.asyncDispose]();
    });

    const unchecked =
      '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
    const subdomain =
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    const noRepository =
      "repository.url must be https://host/path, ssh://user@host/path, user@host:path or, where the operator runs on the user's own machine, a file URL or a path";
    const manyInputs = Array.from({ length: 51 }, (_, index) => ({ id: `i${index}`, message: 'm' }));

    /** What a kube-apiserver 1.35 says about the same objects, problem by problem. */
    const refused: readonly [what: string, spec: Json, problems: readonly string[]][] = [
      ['a missing goal', { goal: undefined }, ['spec.goal: Required value', unchecked]],
      [
        'an empty goal',
        { goal: '' },
        [
          'spec.goal: Invalid value: "": spec.goal in body should be at least 1 chars long',
          'spec.goal: Invalid value: "": goal must not be blank',
        ],
      ],
      ['a blank goal', { goal: ' ' }, ['spec.goal: Invalid value: " ": goal must not be blank']],
      [
        'a goal that is too long, counted in characters',
        { goal: 'ä'.repeat(32769) },
        ['spec.goal: Too long: may not be more than 32768 bytes', unchecked],
      ],
      [
        'an unknown mode',
        { mode: 'foo' },
        ['spec.mode: Unsupported value: "foo": supported values: "auto", "review"', unchecked],
      ],
      [
        'wrong types',
        { goal: 5, priority: 'x', repository: [], limits: { maxCostUSD: 'a', maxTokens: 1.5 } },
        [
          'spec.goal: Invalid value: "integer": spec.goal in body must be of type string: "integer"',
          'spec.priority: Invalid value: "string": spec.priority in body must be of type integer: "string"',
          'spec.repository: Invalid value: "array": spec.repository in body must be of type object: "array"',
          'spec.limits.maxCostUSD: Invalid value: "string": spec.limits.maxCostUSD in body must be of type number: "string"',
          'spec.limits.maxTokens: Invalid value: "number": spec.limits.maxTokens in body must be of type integer: "number"',
          unchecked,
        ],
      ],
      [
        'numbers out of range',
        { priority: 99999999999, limits: { maxSteps: 0 } },
        [
          'spec.priority: Invalid value: 99999999999: spec.priority in body should be less than or equal to 1000',
          'spec.limits.maxSteps: Invalid value: 0: spec.limits.maxSteps in body should be greater than or equal to 1',
        ],
      ],
      ['too many inputs', { inputs: manyInputs }, ['spec.inputs: Too many: 51: must have at most 50 items', unchecked]],
      [
        'nulls in a list',
        { verify: [null] },
        ['spec.verify[0]: Invalid value: "null": spec.verify[0] in body must be of type string: "null"', unchecked],
      ],
      [
        'two inputs with one id, and a time that is none',
        {
          inputs: [
            { id: 'a', message: 'x' },
            { id: 'a', message: 'y' },
            { id: '-', message: 'x', time: 'zzz' },
          ],
        },
        [
          'spec.inputs[2].time: Invalid value: "zzz": spec.inputs[2].time in body must be of type date-time: "zzz"',
          'spec.inputs[2].id: Invalid value: "-": spec.inputs[2].id in body should match \'^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$\'',
          'spec.inputs[1]: Duplicate value: {"id":"a"}',
          unchecked,
        ],
      ],
      [
        'a port given twice',
        { sandbox: { network: { allow: [{ cidr: '192.0.2.0/24', ports: [1, 1, 70000] }] } } },
        [
          'spec.sandbox.network.allow[0].ports[2]: Invalid value: 70000: spec.sandbox.network.allow[0].ports[2] in body should be less than or equal to 65535',
          'spec.sandbox.network.allow[0].ports[1]: Duplicate value: 1',
        ],
      ],
      [
        'a quantity that is a boolean',
        { sandbox: { workspaceSize: true } },
        [
          'spec.sandbox.workspaceSize: Invalid value: "boolean": spec.sandbox.workspaceSize in body must be of type integer,string: "boolean"',
          '<nil>: Invalid value: "": "spec.sandbox.workspaceSize" must validate at least one schema (anyOf)',
          'spec.sandbox.workspaceSize: Invalid value: "boolean": spec.sandbox.workspaceSize in body must be of type integer: "boolean"',
          unchecked,
        ],
      ],
      [
        'fields of a Pod in a local sandbox, and a branch name that git refuses',
        { sandbox: { type: 'local', runtimeClassName: 'kata' }, publish: { branch: 'a..b' } },
        [
          'spec.sandbox: Invalid value: runtimeClassName, nodeSelector, tolerations, affinity, imagePullSecrets, priorityClassName and serviceAccountName are only possible with type pod',
          'spec.publish.branch: Invalid value: "a..b": branch must be a valid git branch name',
        ],
      ],
      [
        'a credential in the address of its repository, which is not repeated',
        { repository: { url: 'https://ada:hunter2@git.example/x.git' } },
        [
          'spec.repository.url: Invalid value: repository.url has a credential in it; remove it, and give the token as GIT_TOKEN or in a Secret named by repository.credentialsSecretRef',
        ],
      ],
      [
        'an address that git would read as something else',
        { repository: { url: 'ext::sh -c "touch /tmp/x"' } },
        [`spec.repository.url: Invalid value: ${noRepository}`],
      ],
      [
        'too many properties where any are allowed',
        { sandbox: { resources: { limits: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`r${index}`, 1])) } } },
        ['spec.sandbox.resources.limits: Too many: 17: must have at most 16 items', unchecked],
      ],
    ];

    describe('a new object', () => {
      it.each(refused)('with %s is refused in the words of kube-apiserver', async (_, spec, problems) => {
        const answer = await api.send('POST', sessionsPath, session('bad', spec));
        expect(answer.code).toBe(422);
        const { message, reason, details } = answer.body;
        expect(reason).toBe('Invalid');
        const prefix = 'AgentSession.sweagent.dev "bad" is invalid: ';
        expect(message.startsWith(prefix)).toBe(true);
        const said = details.causes.map((cause: { field: string; message: string }) => `${cause.field}: ${cause.message}`);
        expect([...said].sort()).toEqual([...problems].sort());
        expect(message).toBe(prefix + (said.length === 1 ? said[0] : `[${said.join(', ')}]`));
        expect(details).toMatchObject({ name: 'bad', group: 'sweagent.dev', kind: 'AgentSession' });
      });

      it.each([
        ...[
          'https://git.example/a%20b/c.git',
          'HTTPS://Git.Example:8443/a',
          'http://127.0.0.1:3000/x.git',
          'http://[::1]:3000/x',
        ],
        ...['ssh://git@host.example/~ada/x.git', 'ssh://host:22/x', 'git@git.example:ada/x.git', 'host:repo', 'u@[::1]:/srv/x'],
        ...[
          'file:///srv/a%20b.git',
          'file://localhost/srv/x',
          '/srv/übung repo',
          './engine',
          '../engine',
          'engine',
          './we::ird:name',
        ],
      ])('may name its repository as %s', async (url) => {
        const answer = await api.send('POST', `${sessionsPath}?dryRun=All`, session('named', { repository: { url } }));
        expect(answer.body.message).toBeUndefined();
      });

      it.each([
        ...[
          'ext::sh',
          'https::https://host/x',
          'git://host/x',
          'ftp://host/x',
          'htps://host/x',
          '--upload-pack=x',
          '-oProxyCommand=x:y',
        ],
        ...[
          'ssh://-oProxyCommand=x/y',
          'git@-oProxyCommand=x:y',
          'host:--upload-pack=x',
          'https://host/a\nb',
          'https://host/a b',
        ],
        ...[
          'https://host/',
          'https://',
          'https://host',
          'https://host/x?token=1',
          ' ',
          'file://other/srv/x',
          '/srv/a\u0001b',
          '~/engine',
        ],
        ...[
          'https://ada:pw@host/x',
          'https://pw@host/x',
          'ssh://git:pw@host/x',
          'git:pw@host/x',
          'pw@host/x',
          'https://host\\evil/x',
        ],
      ])('may not name its repository as %j', async (url) => {
        const answer = await api.send('POST', `${sessionsPath}?dryRun=All`, session('named', { repository: { url } }));
        expect(answer.body.details?.causes).toMatchObject([{ field: 'spec.repository.url' }]);
      });

      it.each([
        ['no name', {}, 'metadata.name: Required value: name or generateName is required'],
        ['a name with capitals', { name: 'X_' }, `metadata.name: Invalid value: "X_": ${subdomain}`],
        [
          'a label that is none',
          { name: 'x', labels: { a: 'c d' } },
          'metadata.labels: Invalid value: "c d": a valid label must be',
        ],
        [
          'an owner without a name',
          { name: 'x', ownerReferences: [{}] },
          'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
        ],
      ])('with %s is refused', async (_, metadata, problem) => {
        const answer = await api.send('POST', sessionsPath, { ...session('x'), metadata });
        expect(answer.code).toBe(422);
        expect(answer.body.message).toContain(problem);
      });

      it('gets its defaults, and a null counts as left out', async () => {
        const answer = await api.send(
          'POST',
          sessionsPath,
          session('defaults', { mode: null, profileRef: null, limits: { maxSteps: 5 } }),
        );
        expect(answer.code).toBe(201);
        expect(answer.body.spec).toEqual({
          goal: 'Fix the bug',
          repository: { url: 'https://example.com/repo.git', depth: 1 },
          mode: 'auto',
          priority: 0,
          suspend: false,
          resume: 0,
          cancelled: false,
          limits: { maxSteps: 5, timeoutSeconds: 14400, maxReviewRounds: 3 },
          publish: { push: true, allowBaseBranch: false },
        });
        expect(answer.body.metadata).toMatchObject({ name: 'defaults', namespace: 'default', generation: 1 });
      });

      it('loses unknown fields: with a warning, in silence, or refused, as the client asks', async () => {
        const odd = (name: string) => ({ ...session(name, { zork: 1, inputs: [{ id: 'a', message: 'x', bar: 1 }] }), top: 1 });
        const warned = await api.send('POST', sessionsPath, odd('odd-warn'));
        expect(warned.headers.warning).toContain('299 - "unknown field \\"spec.zork\\""');
        expect(warned.body.spec).not.toHaveProperty('zork');
        expect(warned.body.spec.inputs).toEqual([{ id: 'a', message: 'x', when: 'queued' }]);
        const silent = await api.send('POST', `${sessionsPath}?fieldValidation=Ignore`, odd('odd-ignore'));
        expect(silent.headers).not.toHaveProperty('warning');
        const strict = await api.send('POST', `${sessionsPath}?fieldValidation=Strict`, odd('odd-strict'));
        expect(strict.code).toBe(400);
        expect(strict.body.message).toBe(
          'AgentSession in version "v1alpha1" cannot be handled as a AgentSession: strict decoding error: unknown field "spec.inputs[0].bar", unknown field "spec.zork", unknown field "top"',
        );
      });

      it('that names a field twice is refused when fields are validated strictly', async () => {
        const text = JSON.stringify(session('twice')).replace('"goal"', '"goal":"first","goal"');
        const answer = await api.send('POST', `${sessionsPath}?fieldValidation=Strict`, text);
        expect(answer.body.message).toContain('strict decoding error: duplicate field "spec.goal"');
      });

      it.each([
        ['broken JSON', '{bad', 'application/json', 400, "couldn't get version/kind; json parse error"],
        ['no kind', '{"metadata":{"name":"x"}}', 'application/json', 400, "Object 'Kind' is missing"],
        [
          'another version',
          JSON.stringify({ ...session('x'), apiVersion: 'sweagent.dev/v9' }),
          'application/json',
          400,
          'the API version in the data (sweagent.dev/v9) does not match the expected API version (sweagent.dev/v1alpha1)',
        ],
        [
          'another kind',
          JSON.stringify({ ...session('x'), kind: 'Foo' }),
          'application/json',
          422,
          'kind: Invalid value: "Foo": must be AgentSession',
        ],
        [
          'another namespace',
          JSON.stringify(session('x', {}, { namespace: 'other' })),
          'application/json',
          400,
          'the namespace of the provided object does not match the namespace sent on the request',
        ],
        [
          'a label of the wrong type',
          JSON.stringify(session('x', {}, { labels: { a: 5 } })),
          'application/json',
          400,
          'json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string',
        ],
        ['a content type that is not read', 'x', 'text/plain', 415, 'the body of the request was in an unknown format'],
      ])('in a request with %s is refused', async (_, text, type, code, words) => {
        const answer = await api.send('POST', sessionsPath, text, { 'content-type': type });
        expect(answer.code).toBe(code);
        expect(answer.body.message).toContain(words);
      });

      it('may come as YAML', async () => {
        const yaml =
          'apiVersion: sweagent.dev/v1alpha1\nkind: AgentSession\nmetadata: {name: yaml}\nspec: {goal: g, repository: {url: u}}\n';
        const answer = await api.send('POST', sessionsPath, yaml, {
          'content-type': 'application/yaml',
          accept: 'application/yaml',
        });
        expect(answer.code).toBe(201);
        expect(answer.text).toContain('  goal: g\n');
      });
    });

    /** From the spec that a session was created with, through a change, to what a kube-apiserver says about it. */
    const changes: readonly [what: string, before: Json, change: Json, problems: readonly string[]][] = [
      [
        'goal, mode and repository',
        {},
        { goal: 'Other', mode: 'review', repository: { ref: 'main' } },
        [
          'spec.goal: Invalid value: goal is immutable; send a message in spec.inputs to change the direction of the work',
          'spec.repository: Invalid value: repository is immutable; create a new session for another repository',
          'spec.mode: Invalid value: mode is immutable',
        ],
      ],
      [
        'author and sandbox',
        { author: 'ada', sandbox: { type: 'local' } },
        { author: 'bob', sandbox: { type: 'pod' } },
        ['spec: Forbidden: author is immutable once set', 'spec: Forbidden: sandbox is immutable once set'],
      ],
      [
        'what only moves forward',
        { resume: 3, cancelled: true, approvedPlan: 3 },
        { resume: 2, cancelled: false, approvedPlan: null },
        [
          'spec: Forbidden: approvedPlan cannot be withdrawn',
          'spec.resume: Invalid value: resume is a counter that only grows',
          'spec.cancelled: Invalid value: cancelled cannot be taken back; create a new session',
        ],
      ],
      [
        'an input that was sent',
        { inputs: [{ id: 'a', message: 'x' }] },
        {
          inputs: [
            { id: 'b', message: 'new' },
            { id: 'a', message: 'y' },
          ],
        },
        ['spec.inputs[1]: Invalid value: a message that was sent cannot be changed'],
      ],
      [
        'the list of inputs by removing one',
        { inputs: [{ id: 'a', message: 'x' }] },
        { inputs: [] },
        ['spec: Forbidden: inputs is append-only; a message that was sent cannot be removed'],
      ],
    ];

    describe('a change', () => {
      it.each(changes)('of %s is refused', async (what, before, change, problems) => {
        const name = `change-${what.length}`;
        expect((await api.send('POST', sessionsPath, session(name, before))).code).toBe(201);
        const answer = await api.send('PATCH', `${sessionsPath}/${name}`, { spec: change }, mergePatchType);
        const said = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
        expect(answer.body.message).toBe(`AgentSession.sweagent.dev "${name}" is invalid: ${said}`);
      });

      it('that sets what was not set, appends an input and raises counters is accepted', async () => {
        await api.send('POST', sessionsPath, session('forward', { inputs: [{ id: 'a', message: 'x' }], resume: 1 }));
        const change = {
          author: 'ada',
          sandbox: { type: 'local' },
          inputs: [
            { id: 'a', message: 'x' },
            { id: 'b', message: 'y' },
          ],
          resume: 2,
          approvedPlan: 1,
        };
        const answer = await api.send('PATCH', `${sessionsPath}/forward`, { spec: change }, mergePatchType);
        expect(answer.code).toBe(200);
        expect(answer.body.spec).toMatchObject({ ...change, inputs: [{ id: 'a' }, { id: 'b', when: 'queued' }] });
      });

      it('of status is checked by the schema', async () => {
        await api.send('POST', sessionsPath, session('status-check'));
        const path = `${sessionsPath}/status-check/status`;
        const answer = await api.send('PATCH', path, { status: { conditions: [{ type: 'a' }] } }, mergePatchType);
        expect(answer.body.message).toContain('status.conditions[0].lastTransitionTime: Required value');
      });

      it('by a JSON patch that does not apply is refused and changes nothing', async () => {
        await api.send('POST', sessionsPath, session('patched'));
        const patch = [
          { op: 'replace', path: '/spec/suspend', value: true },
          { op: 'test', path: '/spec/goal', value: 'something else' },
        ];
        const answer = await api.send('PATCH', `${sessionsPath}/patched`, patch, jsonPatchType);
        expect(answer.code).toBe(422);
        expect(answer.body).toMatchObject({
          reason: 'Invalid',
          message: 'the server rejected our request due to an error in our request',
        });
        expect((await api.send('GET', `${sessionsPath}/patched`)).body.spec.suspend).toBe(false);
      });

      it.each([
        ['an unknown field', '{"spec":{"gaol":"g"}}', 'strict decoding error: unknown field "spec.gaol"'],
        ['a field that it has twice', '{"spec":{"resume":1,"resume":2}}', 'strict decoding error: duplicate field "spec.resume"'],
        [
          'a label that is no text',
          '{"metadata":{"labels":{"a":5}}}',
          'cannot unmarshal number into Go struct field ObjectMeta.labels',
        ],
      ])('by a patch with %s is refused as a kube-apiserver does, and changes nothing', async (what, patch, words) => {
        const name = `patch-${what.length}`;
        const made = (await api.send('POST', sessionsPath, session(name))).body;
        const answer = await api.send('PATCH', `${sessionsPath}/${name}?fieldValidation=Strict`, patch, mergePatchType);
        expect(answer.body).toMatchObject({ code: 422, reason: 'Invalid', details: { causes: [{ field: 'patch' }] } });
        expect(answer.body.message).toMatch(/^ "" is invalid: patch: Invalid value: "{.*}": /);
        expect(answer.body.message).toContain(words);
        expect((await api.send('GET', `${sessionsPath}/${name}`)).body).toEqual(made);
      });

      it.each([
        ['[]', 'array'],
        ['"text"', 'string'],
        ['5', 'number'],
        ['true', 'bool'],
      ])('by the merge patch %s is refused, since it is no object', async (patch, type) => {
        await api.send('POST', sessionsPath, session('whole'));
        const answer = await api.send('PATCH', `${sessionsPath}/whole`, patch, mergePatchType);
        const message = `error decoding patch: json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
        expect(answer.body).toMatchObject({ code: 400, reason: 'BadRequest', message });
      });
    });
  });
}
