import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it as test } from '@jest/globals';
import { faults } from '../support/accessibility.ts';
import { Browser, type BrowserWindow, chromiumPath, PAGE_PATIENCE_MS } from '../support/browser.ts';
import { callersWithRights, type Rights, reading } from '../support/callers-with-rights.ts';
import { NAMESPACE, TestGateway } from '../support/gateway.ts';
import { COMPLETED_STATUS, PLAN, PUBLISHED } from '../support/session-events.ts';

const root = join(import.meta.dirname, '../..');
const GOAL = 'Mend the sum';
const LOG = 'get agentsessions/log';
const TIMEOUT_MS = 5 * PAGE_PATIENCE_MS;

const users = new Map<string, { name: string; rights: Rights }>();
let gateway: TestGateway;
let browser: Browser;

const skipped = chromiumPath() === null && process.env.CI !== 'true';
if (skipped) console.warn('some tests are skipped: Chromium is not installed');
const it = skipped ? test.skip : test;

beforeAll(async () => {
  if (skipped) return;
  execFileSync('sh', ['scripts/build-ui'], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
  browser = await Browser.launch();
  const callers = callersWithRights(users, () => gateway.kube, NAMESPACE);
  gateway = await TestGateway.start({ page: join(root, 'ui/dist'), auth: { mode: 'kubernetes', callers } });
}, TIMEOUT_MS);
afterEach(async () => {
  await browser?.closeWindows();
  users.clear();
}, TIMEOUT_MS);
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await gateway?.close();
}, TIMEOUT_MS);

/** A user, and a window in which they have logged in at a path. */
async function user(name: string, rights: Rights, path = '/sessions'): Promise<BrowserWindow> {
  const token = `token-of-${name}`;
  users.set(token, { name, rights });
  const window = await browser.open(`${gateway.url}${path}`);
  // What the server refuses, the browser writes into its console.
  window.tolerate(/status of 40[13]/);
  await window.field('Token').fill(token);
  await window.button('Log in').click();
  await window.at(new RegExp(`^${path}$`));
  await window.sees(name);
  return window;
}

/** Goes to a path, and waits until the page knows who looks: until then it offers little, and cannot say what nobody may. */
async function goTo(window: BrowserWindow, path: string, name: string): Promise<void> {
  await window.page.goto(`${gateway.url}${path}`);
  await window.sees(name);
}

/** What is sent by somebody who may do everything. */
const asSomebody = { authorization: 'Bearer token-of-somebody' };

/** A session that somebody started, by its id. */
async function started(): Promise<string> {
  users.set('token-of-somebody', { name: 'somebody', rights: new Set(['* agentsessions', '* aiprofiles', '* secrets', LOG]) });
  const request = { goal: GOAL, repo_url: 'https://example.com/r.git', mode: 'review' };
  return String(Object((await gateway.post('/agent/sessions', request, asSomebody)).json()).session_id);
}

/** A session whose plan waits for approval, and a profile. */
async function objects(): Promise<string> {
  const id = await started();
  const profile = { display_name: 'Theirs', name: 'theirs', provider: 'ollama', model: 'm' };
  const made = await gateway.post('/agent/profiles', profile, asSomebody);
  if (made.status !== 201 && made.status !== 409) throw new Error(`no profile was made: ${made.status} ${made.text}`);
  await gateway.happen(id, { type: 'phase.entered', phase: 'Planning', reason: 'Ready', message: 'Exploring.' }, PLAN, {
    type: 'phase.entered',
    phase: 'WaitingForUser',
    reason: 'PlanReady',
    message: 'Plan 1 waits for approval.',
  });
  await gateway.setStatus(id, {
    phase: 'WaitingForUser',
    plan: {
      revision: 1,
      title: PLAN.title,
      steps: PLAN.steps.map(({ id: step, title, status }) => ({ id: step, title, status })),
    },
  });
  return id;
}

/** A session whose result changes two files, of which the second is long. */
async function result(): Promise<string> {
  const id = await started();
  const uid = (await gateway.object(id)).metadata.uid ?? '';
  const added = (path: string, lines: number) =>
    [
      `diff --git a/${path} b/${path}`,
      'new file mode 100644',
      '--- /dev/null',
      `+++ b/${path}`,
      `@@ -0,0 +1,${lines} @@`,
      ...Array.from({ length: lines }, (_, index) => `+line ${index + 1} of ${path}`),
      '',
    ].join('\n');
  const patch = await gateway.blobs.put(uid, Buffer.from(added('short.txt', 2) + added('long.txt', 400)));
  await gateway.happen(id, { ...PUBLISHED, patch, filesChanged: 2 });
  await gateway.setStatus(id, COMPLETED_STATUS);
  return id;
}

const buttons = (window: BrowserWindow) => window.page.getByRole('button').allInnerTexts();
const links = (window: BrowserWindow) => window.page.getByRole('link').allInnerTexts();
const wholly = (window: BrowserWindow) => {
  expect(window.problems).toEqual([]);
};

describe('with tokens of the cluster', () => {
  it(
    'the page asks for one, says which are taken, and shows whose it is',
    async () => {
      users.set('token-of-ada', { name: 'ada@example.com', rights: reading(LOG) });
      const window = await browser.open(`${gateway.url}/settings/profiles`);
      window.tolerate(/status of 40[13]/);
      await window.at('/login');
      await window.sees('With a token of the cluster. What you may do here is what it may do there.');
      expect(await faults(window, 'login')).toEqual([]);
      await window.page.setViewportSize({ width: 1_280, height: 900 });
      await window.field('Token').fill('of-nobody');
      await window.button('Log in').click();
      await window.sees('The cluster does not know this token, or not any more.');
      await window.field('Token').fill('token-of-ada');
      await window.button('Log in').click();
      await window.at('/settings/profiles');
      await window.sees('ada@example.com');
      expect(await window.page.content()).not.toContain('token-of-ada');
      wholly(window);
    },
    TIMEOUT_MS,
  );

  it(
    'who may only read is offered nothing else, and told so',
    async () => {
      const id = await objects();
      const window = await user('reader', reading(LOG));
      await window.sees(GOAL);
      expect(await links(window)).not.toContain('New session');
      await goTo(window, '/sessions/new', 'reader');
      await window.sees('You may not start sessions here');

      await goTo(window, `/sessions/${id}`, 'reader');
      await window.sees('Plan 1 waits for your approval');
      await window.sees('Write a test');
      await window.sees('You may look at this session, but not act on it.');
      const offered = (await buttons(window)).join(' | ');
      expect(offered).not.toMatch(/Approve|Send|Comment|Suspend|Cancel/);
      expect(await window.page.getByRole('textbox', { name: 'Message' }).count()).toBe(0);
      await window.button('More').click();
      await window.page.getByRole('menuitem').first().waitFor();
      expect((await window.page.getByRole('menuitem').allInnerTexts()).map((one) => one.trim())).toEqual([
        'kubectl and curl',
        'Copy id',
      ]);
      await window.page.getByRole('menuitem', { name: 'kubectl and curl' }).click();
      const commands = await window.page.getByRole('dialog').textContent();
      expect(commands).toContain('Show the session');
      expect(commands).not.toMatch(/Approve|Cancel for good|Delete/);
      await window.page.keyboard.press('Escape');

      await goTo(window, '/settings/profiles/new', 'reader');
      await window.sees('You may not create profiles');
      await goTo(window, '/settings/profiles', 'reader');
      await window.sees('Theirs');
      expect((await links(window)).join()).not.toMatch(/New profile/);
      await goTo(window, '/settings/profiles/theirs', 'reader');
      await window.sees('You may look at this profile, but not change it.');
      expect((await buttons(window)).join()).not.toMatch(/Save|Test now|Replace key|More actions/);
      wholly(window);
    },
    TIMEOUT_MS,
  );

  it(
    'who may only read finds a changed file below the bar, not under it',
    async () => {
      const id = await result();
      const window = await user('reader', reading(LOG));
      await goTo(window, `/sessions/${id}?tab=changes`, 'reader');
      await window.page.setViewportSize({ width: 1_280, height: 1_400 });
      // Nothing above it changes its height any more once both files are drawn.
      await window.sees('line 2 of short.txt');
      await window.sees('line 1 of long.txt');
      await window.page.getByRole('navigation', { name: 'Changed files' }).getByRole('button', { name: 'long.txt' }).click();
      const file = window.page.getByRole('region', { name: 'long.txt' });
      const atItsTop = await file.evaluate((section) => {
        const { left, top } = section.getBoundingClientRect();
        return { top, shown: section.contains(section.ownerDocument.elementFromPoint(left + 40, top + 3)) };
      });
      expect(atItsTop.top).toBeLessThan(120);
      expect(atItsTop.shown).toBe(true);
      wholly(window);
    },
    TIMEOUT_MS,
  );

  it(
    'who may not read logs sees that there are sessions, and which right shows more',
    async () => {
      const id = await objects();
      const window = await user('blind', reading('patch agentsessions'));
      await window.sees(GOAL);
      await goTo(window, `/sessions/${id}`, 'blind');
      await window.sees('The session cannot be shown');
      await window.sees('it needs get on agentsessions/log');
      expect((await buttons(window)).join()).not.toMatch(/Approve|Send|Cancel/);
      wholly(window);
    },
    TIMEOUT_MS,
  );

  it(
    'who may not store keys makes profiles without, and knows it',
    async () => {
      const window = await user('keyless', reading('* aiprofiles'), '/settings/profiles/new');
      await window.sees('You may not store keys here. Somebody who may has to enter one afterwards.');
      expect(await window.field(/^API Key/).count()).toBe(0);
      await window.field('Name').fill('Keyless');
      await window.page.getByRole('radio', { name: /^Ollama/ }).check();
      await window.field('Model').fill('m');
      await window.button('Create profile').click();
      await window.at('/settings/profiles/keyless');
      expect((await buttons(window)).join()).not.toMatch(/Replace key|Enter key/);
      wholly(window);
    },
    TIMEOUT_MS,
  );

  it(
    'a right that is lost meanwhile is explained by who refused it',
    async () => {
      const id = await objects();
      const rights = reading(LOG, 'patch agentsessions');
      const window = await user('demoted', rights, `/sessions/${id}`);
      await window.button('Approve plan 1').waitFor();
      rights.delete('patch agentsessions');
      await window.button('Approve plan 1').click();
      await window.shows(window.page.getByRole('alert'), /demoted.*patch.*agentsessions/s);
      wholly(window);
    },
    TIMEOUT_MS,
  );
});
