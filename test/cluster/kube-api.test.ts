/** The real API server judges what the embedded one is held to. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { kubeApiConformance } from '../conformance/kube-api.ts';
import { kubeClientConformance } from '../conformance/kube-client.ts';
import { type RealApi, startRealApi } from '../support/real-api.ts';
import { wantedPrograms } from './cluster.ts';

const programs = wantedPrograms(process.env);

if (typeof programs !== 'string') {
  console.warn(`the tests on a real API server are skipped: ${programs.missing}`);
  describe.skip('a real API server', () => it('needs its programs', () => undefined));
} else {
  let api: RealApi;
  // Starting it shows that it accepts the definitions without a warning.
  beforeAll(async () => {
    api = await startRealApi(programs);
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
  });
  const emptied = async () => {
    await api.empty();
    return { ...api, [Symbol.asyncDispose]: async () => undefined };
  };
  kubeApiConformance('a real API server', emptied);
  kubeClientConformance('a real API server', emptied);
}
