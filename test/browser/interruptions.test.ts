import { writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect } from '@jest/globals';
import type { BrowserWindow } from '../support/browser.ts';
import { browserSuite } from '../support/browser-suite.ts';
import { eventually } from '../support/eventually.ts';
import { bash, finish, write } from '../support/scripted-sessions.ts';
import { steadyDoor } from '../support/steady-door.ts';

const { it } = browserSuite();

/** High enough for every entry to be in the document. */
const TALL = { height: 6_000 };
/** What it says is not in its own text. */
const HELD = 'echo be"g"un; until [ -e $HOME/go ]; do sleep 0.05; done; echo released';
const timeline = (window: BrowserWindow) => window.page.getByRole('feed', { name: 'Timeline' });
const done = (window: BrowserWindow) => window.page.getByRole('region', { name: 'Done, and verified' }).waitFor();

/** The addresses of all that the timeline shows. */
async function entries(window: BrowserWindow): Promise<string[]> {
  return timeline(window)
    .getByRole('link', { name: /Link to event/ })
    .evaluateAll((links) => links.map((link) => link.getAttribute('href') ?? ''));
}

describe('a window at a session', () => {
  it('shows after a reload what it showed before, and goes on', async ({ system, open }) => {
    const goal = system.model.on('Greet in spite of a reload', {
      work: [bash(HELD), write('greeting.txt', 'hello\n'), finish()],
    });
    const id = await system.session(goal, await system.repository('reload'));
    const window = await open(`/sessions/${id}`, TALL);
    await window.shows(timeline(window), 'begun');
    const before = await entries(window);
    expect(before.length).toBeGreaterThan(2);
    await window.page.reload();
    await window.shows(timeline(window), 'begun');
    // More may have happened meanwhile, but nothing less.
    expect((await entries(window)).slice(0, before.length)).toEqual(before);
    writeFileSync(system.path('workspace', id, 'home/go'), '');
    await done(window);
    const link = before.at(-1) ?? '';
    const addressed = await open(`/sessions/${id}${link}`);
    await addressed.page.locator(`a[href="${link}"]`).first().waitFor();
  });

  it('says that the server is away, and misses and doubles nothing when it is back after a crash', async ({ system, open }) => {
    await using door = await steadyDoor(() => system.url);
    const goal = system.model.on('Greet in spite of a crash', {
      work: [bash(HELD), write('greeting.txt', 'hello\n'), finish()],
    });
    const id = await system.session(goal, await system.repository('crash'));
    const window = await open(`${door.url}/sessions/${id}`, TALL);
    const list = await open(`${door.url}/sessions`);
    for (const each of [window, list]) each.tolerate(/Failed to load resource: net::/);
    await window.shows(timeline(window), 'begun');
    await list.shows(list.page.getByRole('list', { name: 'Sessions' }), 'Programming');
    await system.kill();
    for (const each of [window, list]) await each.sees('No connection to the server.');
    await system.start();
    writeFileSync(system.path('workspace', id, 'home/go'), '');
    await done(window);
    await list.shows(list.page.getByRole('list', { name: 'Sessions' }), 'Completed');
    for (const each of [window, list]) await each.page.getByText('No connection to the server.').waitFor({ state: 'hidden' });
    const fresh = await open(`/sessions/${id}`, TALL);
    await done(fresh);
    // The last lines may still be on their way to one of them.
    const shown = await eventually('both windows to show the same', async () => {
      const [one, other] = [await entries(window), await entries(fresh)];
      return isDeepStrictEqual(one, other) ? one : undefined;
    });
    expect(shown.length).toBeGreaterThan(5);
    expect(new Set(shown).size).toBe(shown.length);
  });
});

describe('a part of the page that is loaded when it is needed', () => {
  /** Has requests for the file fail, as often as said, and counts them. */
  async function lose(window: BrowserWindow, file: string, times: number) {
    const asked = { times: 0 };
    window.tolerate(/Failed to load resource: net::ERR_FAILED/);
    await window.page.route(`**/assets/${file}-*`, (route) => {
      asked.times++;
      return asked.times <= times ? route.abort() : route.continue();
    });
    return asked;
  }

  it('is asked for again when a request is lost, and nothing that was entered is', async ({ system, open }) => {
    const id = await system.session(system.model.on('Greet over a bad line'), await system.repository('lossy'));
    await system.completed(id);
    const window = await open(`/sessions/${id}`);
    await done(window);
    const menu = await lose(window, 'menu-parts', 1);
    const dialog = await lose(window, 'dialog-box', 2);
    const tab = await lose(window, 'changes-tab', 2);
    await window.field('Message').fill('Half a sen');
    await window.button('More').click();
    await window.page.getByRole('menuitem', { name: 'Change limits' }).click();
    await window.shows(window.page.getByRole('dialog'), 'Cost in US dollars');
    await window.page.keyboard.press('Escape');
    await window.page.getByRole('tab', { name: /^Changes/ }).click();
    await window.shows(window.page.getByRole('tabpanel', { name: /^Changes/ }), 'greeting.txt');
    // Its style sheet and its script have names that begin alike.
    expect([menu.times, dialog.times, tab.times]).toEqual([2, 3, 4]);
    expect(await window.field('Message').inputValue()).toBe('Half a sen');
  });

  it('brings the page anew when the server has another build', async ({ open }) => {
    const window = await open('/sessions');
    await window.sees('No sessions yet');
    await lose(window, 'dialog-box', 1);
    await window.page.route('**/sessions', (route) =>
      route.request().isNavigationRequest() ? route.continue() : route.fulfill({ contentType: 'text/html', body: 'of tomorrow' }),
    );
    const anew = window.page.waitForEvent('load');
    await window.page.keyboard.press('?');
    await anew;
    await window.sees('No sessions yet');
    await window.page.keyboard.press('?');
    await window.page.getByRole('dialog').getByText('New session').waitFor();
  });
});
