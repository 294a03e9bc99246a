import { describe, expect } from '@jest/globals';
import { faults } from '../support/accessibility.ts';
import { browserSuite } from '../support/browser-suite.ts';

const TOKEN = 'token-of-this-test-0123456789';
const { it } = browserSuite({
  env: { API_AUTH: 'token', API_TOKEN: TOKEN },
  headers: { authorization: `Bearer ${TOKEN}` },
});

describe('with a token', () => {
  it('the page asks for it once, leads on to where one wanted to go, and lets go of it at the end', async ({ system, open }) => {
    const window = await open('/settings/profiles');
    window.tolerate(/status of 40[13]/);
    await window.at('/login');
    await window.field('Token').waitFor();
    expect(await faults(window, 'login')).toEqual([]);
    await window.field('Token').fill('not the token');
    await window.button('Log in').click();
    await window.page.locator('[aria-invalid="true"]').waitFor();
    await window.field('Token').fill(TOKEN);
    await window.button('Log in').click();
    await window.at('/settings/profiles');
    await window.sees('From the environment');

    const kept = await window.page.context().storageState({ indexedDB: true });
    expect(kept.cookies).toEqual([expect.objectContaining({ httpOnly: true, sameSite: 'Strict' })]);
    expect(JSON.stringify(kept.origins)).not.toContain(TOKEN);
    expect(await window.page.content()).not.toContain(TOKEN);
    const beside = await open('/sessions', {}, window);
    beside.tolerate(/status of 40[13]/);
    await beside.sees('No sessions yet');

    await window.page.setViewportSize({ width: 1_280, height: 900 });
    await window
      .button(/token|root|operator|admin|api/i)
      .first()
      .click();
    await window.page.getByRole('menuitem', { name: 'Log out' }).click();
    await window.at('/login');
    await window.field('Token').waitFor();
    expect(await window.page.context().cookies()).toEqual([]);
    expect(system.output).not.toContain(TOKEN);
  });
});
