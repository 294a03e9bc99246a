import { afterAll, describe, expect } from '@jest/globals';
import { browserSuite } from '../support/browser-suite.ts';
import { DaytonaServer } from '../support/daytona/server.ts';
import { eventually } from '../support/eventually.ts';

let server: DaytonaServer | undefined;
const { it } = browserSuite({
  prepare: async () => {
    server = await DaytonaServer.start();
    return { SANDBOX_TYPE: 'daytona', DAYTONA_API_KEY: server.apiKey, DAYTONA_SERVER_URL: server.url };
  },
});
afterAll(() => server?.close());

describe('a session whose commands run at Daytona', () => {
  it('shows which sandbox it has and how that is, and what keeps it when it is deleted', async ({ system, open }) => {
    if (!server) throw new Error('the server of the tests was not started');
    const id = await system.session(system.model.on('Greet from Daytona'), await system.repository('shown'));
    await system.completed(id);
    const [sandbox] = server.control.all();
    const window = await open(`/sessions/${id}`);
    await window.page.getByRole('tab', { name: /^Usage/ }).click();
    const facts = window.page.getByRole('region', { name: 'Sandbox' });
    await window.shows(facts, 'Daytona sandbox');
    await window.shows(facts, sandbox?.dto.id ?? 'an id');
    await window.shows(facts, sandbox?.dto.name ?? 'a name');
    await window.shows(facts, 'Ready');

    const { apiKey } = server;
    server.apiKey = 'dtn_another';
    try {
      expect((await system.request('DELETE', `/agent/sessions/${id}`)).status).toBeLessThan(300);
      await window.shows(window.page.getByRole('region', { name: 'This session is being deleted' }), /does not accept the key/);
    } finally {
      server.apiKey = apiKey;
    }
    await eventually('the sandbox to be gone', () => server?.control.all().length === 0);
  });
});
