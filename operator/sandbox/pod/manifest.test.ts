import { describe, expect, it } from '@jest/globals';
import type { SandboxSpec } from '../transport.ts';
import { CONTAINER, type PodOptions, podOf, ROOT, TEMPLATE_ANNOTATION, TOOLBOX_CONTAINER, withDefaults } from './manifest.ts';
import { belongsTo, isSandbox, ownerOf, placeOf, selectorOf } from './placement.ts';

const OWNER = { uid: '11111111-2222-3333-4444-555555555555', name: 'fix-login', namespace: 'team' };
const OPTIONS: PodOptions = {
  defaults: {},
  placement: { kind: 'with-session' },
  installation: 'main',
  toolboxImage: 'toolbox:1',
  user: { uid: 1000, gid: 1000 },
  readOnlyRootFilesystem: true,
  tickSeconds: 60,
};
const pod = (spec: SandboxSpec = {}, options: Partial<PodOptions> = {}) => {
  const all = { ...OPTIONS, ...options };
  return podOf(OWNER, placeOf(OWNER, all.placement, all.installation), { image: 'python:3.12-slim', ...spec }, all);
};
const container = (...args: Parameters<typeof pod>) => {
  const found = pod(...args).spec.containers.find(({ name }) => name === CONTAINER);
  if (!found) throw new Error('no sandbox container');
  return found;
};

describe('the Pod of a sandbox', () => {
  it('has nothing that Pod Security "restricted" forbids, in any container, and no token of the cluster', () => {
    const { spec } = pod();
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    });
    const all = [...spec.containers, ...(spec.initContainers ?? [])];
    expect(all).toHaveLength(2);
    for (const { securityContext } of all) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
    for (const volume of spec.volumes) expect(Object.keys(volume)).toEqual(['name', 'emptyDir']);
    expect(spec.volumes.every(({ emptyDir }) => emptyDir.sizeLimit !== undefined)).toBe(true);
  });

  it('leaves the user to the image when it is told to, but never to root', () => {
    const { securityContext, initContainers, containers } = pod({}, { user: 'image' }).spec;
    expect(securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(containers[0]?.securityContext).not.toHaveProperty('runAsUser');
    // The toolbox may come from an image whose user is root.
    expect(initContainers?.[0]?.securityContext).toMatchObject({ runAsUser: 65532, runAsGroup: 65532 });
  });

  it('takes every setting of the session', () => {
    const spec: SandboxSpec = {
      runtimeClassName: 'kata',
      serviceAccountName: 'sandboxes',
      priorityClassName: 'low',
      workspaceSize: '5Gi',
      resources: { requests: { cpu: '1' }, limits: { memory: '2Gi' } },
      nodeSelector: { pool: 'sandboxes' },
      tolerations: [{ key: 'sandboxes', operator: 'Exists' }],
      affinity: { podAntiAffinity: {} },
      imagePullSecrets: [{ name: 'registry' }],
    };
    const made = pod(spec).spec;
    const { workspaceSize, resources, tolerations, ...same } = spec;
    expect(made).toMatchObject(same);
    expect(made.containers[0]?.resources).toEqual(resources);
    expect(made.tolerations).toEqual(expect.arrayContaining(tolerations ?? []));
    expect(made.volumes.find(({ name }) => name === 'workspace')?.emptyDir).toEqual({ sizeLimit: workspaceSize });
  });

  it('brings a toolbox in where there is one, and mounts it read-only', () => {
    const mount = { name: 'toolbox', mountPath: '/opt/swe-agent' };
    expect(pod().spec.initContainers).toMatchObject([
      { name: TOOLBOX_CONTAINER, image: 'toolbox:1', imagePullPolicy: 'IfNotPresent', volumeMounts: [mount] },
    ]);
    expect(container().volumeMounts).toContainEqual({ ...mount, readOnly: true });
    const { toolboxImage: _, ...without } = OPTIONS;
    const bare = podOf(OWNER, placeOf(OWNER, without.placement, without.installation), { image: 'x' }, without);
    expect(bare.spec.initContainers).toBeUndefined();
    expect(bare.spec.volumes.map(({ name }) => name)).toEqual(['workspace', 'tmp']);
  });

  it('passes variables as they are, though Kubernetes would replace $(NAME) in them', () => {
    const { env = [], command } = container({
      env: [
        { name: 'PRICE', value: '$(HOME) $$5' },
        { name: 'TERM', value: 'xterm' },
      ],
      network: { proxy: { https: 'http://proxy:3128' } },
    });
    // What Kubernetes makes of it: $$ is $, and $(NAME) behind such a pair is no reference any more.
    const meant = (text: string) => text.replaceAll('$$', '$');
    const values = new Map(env.map((entry) => [entry.name, 'value' in entry ? meant(entry.value) : 'from the Pod']));
    expect(Object.fromEntries(values)).toMatchObject({
      PRICE: '$(HOME) $$5',
      TERM: 'xterm',
      HOME: `${ROOT}/home`,
      https_proxy: 'http://proxy:3128',
      HTTPS_PROXY: 'http://proxy:3128',
    });
    expect(values.has('http_proxy')).toBe(false);
    expect(env.every((entry) => !('value' in entry) || !/(^|[^$])(\$\$)*\$\(/.test(entry.value))).toBe(true);
    expect(command.every((word) => !/(^|[^$])(\$\$)*\$\(/.test(word))).toBe(true);
  });

  it('has a template that tells changed settings from what the cluster fills in', () => {
    const template = (...args: Parameters<typeof pod>) => pod(...args).metadata.annotations?.[TEMPLATE_ANNOTATION];
    expect(template()).toBe(template());
    expect(template({ image: 'other' })).not.toBe(template());
    expect(template({}, { user: 'image' })).not.toBe(template());
  });

  it('asks for as much while the toolbox is brought in, where the session wants its resources guaranteed', () => {
    const init = (resources: NonNullable<SandboxSpec['resources']>) =>
      pod({ resources }, { toolboxImage: 'toolbox' }).spec.initContainers?.[0]?.resources;
    const limits = { cpu: '1', memory: '1Gi' };
    expect(init({ requests: limits, limits })).toEqual({ requests: limits, limits });
    expect(init({ limits })).toEqual({ requests: limits, limits });
    const own = { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '1', memory: '128Mi' } };
    expect(init({ requests: { cpu: '1' }, limits })).toEqual(own);
    expect(init({ limits: { memory: '1Mi' } })).toEqual(own);
  });

  it("is filled with the operator's defaults, field by field", () => {
    const defaults: SandboxSpec = {
      image: 'default',
      runtimeClassName: 'kata',
      env: [
        { name: 'A', value: 'default' },
        { name: 'B', value: 'default' },
      ],
      resources: { requests: { cpu: '1', memory: '1Gi' } },
      network: { egress: 'strict', proxy: { http: 'http://proxy' } },
    };
    const session: SandboxSpec = {
      image: 'mine',
      env: [{ name: 'B', value: 'mine' }],
      resources: { requests: { cpu: '2' }, limits: { cpu: '4' } },
      network: { allow: [{ cidr: '192.0.2.0/24' }] },
    };
    expect(withDefaults(session, defaults)).toEqual({
      image: 'mine',
      runtimeClassName: 'kata',
      env: [
        { name: 'A', value: 'default' },
        { name: 'B', value: 'mine' },
      ],
      resources: { requests: { cpu: '2', memory: '1Gi' }, limits: { cpu: '4' } },
      network: { egress: 'strict', proxy: { http: 'http://proxy' }, allow: [{ cidr: '192.0.2.0/24' }] },
    });
    expect(withDefaults({}, {})).toEqual({});
  });
});

describe('the place of a Pod', () => {
  const beside = { kind: 'with-session' } as const;
  const shared = { kind: 'namespace', namespace: 'sandboxes' } as const;

  it('is beside its session, which owns it, when both are objects of the same cluster', () => {
    expect(placeOf(OWNER, beside, 'main')).toEqual({ namespace: 'team', name: 'fix-login-sandbox' });
    expect(pod().metadata.ownerReferences).toEqual([
      expect.objectContaining({ kind: 'AgentSession', name: OWNER.name, uid: OWNER.uid, controller: true }),
    ]);
    expect(pod({}, { placement: shared }).metadata.ownerReferences).toBeUndefined();
  });

  it('has a name that is a host name, its own, and always the same', () => {
    const names = new Set<string>();
    const sessions = ['a', 'a.b', 'a-b', `${'x'.repeat(200)}1`, `${'x'.repeat(200)}2`, `${'x'.repeat(40)}-`.repeat(2)];
    for (const name of sessions) {
      for (const [placement, installation] of [
        [beside, 'main'],
        [shared, 'main'],
        [shared, 'other'],
      ] as const) {
        const place = placeOf({ ...OWNER, name }, placement, installation);
        expect(place.name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
        expect(placeOf({ ...OWNER, name, uid: 'another' }, placement, installation)).toEqual(place);
        names.add(`${place.namespace}/${place.name}`);
      }
    }
    for (const namespace of ['one', 'two']) names.add(placeOf({ ...OWNER, namespace }, shared, 'main').name);
    expect(names.size).toBe(sessions.length * 3 + 2);
  });

  it('says whose Pod it is, and takes none of another session or installation for it', () => {
    const made = pod();
    expect(belongsTo(made, OWNER, 'main')).toBe(true);
    expect(ownerOf(made)).toEqual(OWNER);
    expect(belongsTo(made, { ...OWNER, uid: 'another' }, 'main')).toBe(false);
    expect(belongsTo(made, OWNER, 'other')).toBe(false);
    const foreign = { ...made, metadata: { ...made.metadata, labels: {} } };
    expect(isSandbox(foreign, 'main')).toBe(false);
    for (const pair of selectorOf('main').split(',')) {
      const [key = '', value] = pair.split('=');
      expect(made.metadata.labels?.[key]).toBe(value);
    }
  });
});
