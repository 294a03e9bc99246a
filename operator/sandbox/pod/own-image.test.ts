import { expect, it } from '@jest/globals';
import { ScriptedKubeServer } from '../../../test/support/kube-server.ts';
import { HttpKubeClient } from '../../kube/http-client.ts';
import { SandboxUnavailableError } from '../transport.ts';
import { ownImage } from './own-image.ts';

const inPod = { namespace: 'team' };
const variable = 'SWE_AGENT_TOOLBOX_IMAGE';
const OWN = {
  metadata: { name: 'swe-agent-1', namespace: 'team' },
  spec: {
    containers: [
      { image: 'proxy:1', env: [{ name: variable, value: 'other' }] },
      { image: 'registry.example.com/swe-agent:1', env: [{ name: variable, value: 'self' }] },
    ],
  },
};

/** What a process in the Pod swe-agent-1 finds, when the API server answers so. */
async function asked(answers: readonly { code: number; body?: unknown }[], { namespace }: { namespace?: string }) {
  await using server = await ScriptedKubeServer.start();
  const left = [...answers];
  server.script = () => left.shift();
  const stop = new AbortController();
  const client = new HttpKubeClient({ baseUrl: server.url, headers: async () => ({}), signal: stop.signal });
  const image = ownImage({ client, namespace, name: 'swe-agent-1', variable });
  const found: unknown[] = [];
  for (let i = 0; i <= answers.length; i++) found.push(await image(stop.signal).catch((error: unknown) => error));
  const paths = server.requests.map(({ path }) => path);
  stop.abort(new Error('done'));
  return { found, paths };
}

const failure = (code: number, reason: string) => ({ code, body: { kind: 'Status', code, reason, message: reason } });
const unavailable = (error: unknown) =>
  error instanceof SandboxUnavailableError ? `${error.reason}: ${error.message}` : `not unavailable: ${error}`;

it('is that of the container which says so, and is asked for once', async () => {
  const { found, paths } = await asked([{ code: 200, body: OWN }], inPod);
  expect(found).toEqual(Array(2).fill('registry.example.com/swe-agent:1'));
  expect(paths).toEqual(['/api/v1/namespaces/team/pods/swe-agent-1']);
});

it('is asked for again after a fault, which says what is wrong', async () => {
  const { found } = await asked([failure(403, 'Forbidden'), failure(404, 'NotFound'), { code: 200, body: OWN }], inPod);
  expect(found.slice(0, 2).map(unavailable)).toEqual([
    "ToolboxUnknown: SWE_AGENT_TOOLBOX_IMAGE=self stands for the operator's own image, and it may not read its Pod (Forbidden); name the image instead",
    "ToolboxUnknown: SWE_AGENT_TOOLBOX_IMAGE=self stands for the operator's own image, and there is no Pod team/swe-agent-1; name the image instead",
  ]);
  expect(found.slice(2)).toEqual(Array(2).fill('registry.example.com/swe-agent:1'));
});

it('is unknown outside of a Pod, and in one that does not say which container is this one', async () => {
  const outside = await asked([], {});
  expect(outside.found.map(unavailable)).toEqual([expect.stringContaining('it runs in no Pod')]);
  const { found } = await asked([{ code: 200, body: { ...OWN, spec: { containers: [{ image: 'other:1' }] } } }], inPod);
  expect(unavailable(found[0])).toContain('no container of the Pod team/swe-agent-1 has SWE_AGENT_TOOLBOX_IMAGE=self');
});
