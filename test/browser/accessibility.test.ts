import { describe, expect } from '@jest/globals';
import { DESK, faults } from '../support/accessibility.ts';
import type { BrowserWindow } from '../support/browser.ts';
import { type AtThePage, browserSuite } from '../support/browser-suite.ts';
import { eventually } from '../support/eventually.ts';
import { bash, CHECK, finish, plan, write } from '../support/scripted-sessions.ts';

const { it } = browserSuite();

type View = {
  name: string;
  path: string;
  ready: (window: BrowserWindow) => Promise<void>;
  more?: (window: BrowserWindow) => Promise<void>;
};

/** Sessions as people meet them: one that is done, one whose plan waits, one that is paused. */
async function sessions({ system }: AtThePage) {
  const repository = await system.repository('accessible');
  const done = await system.session(
    system.model.on('Greet, and say so', {
      work: [bash('ls -l; echo "two  words"'), write('greeting.txt', 'hello\n'), finish('**Greets** now.')],
    }),
    repository,
  );
  const waiting = await system.session(
    system.model.on('Greet when it is approved', {
      plan: [
        plan(
          'Greet',
          [CHECK],
          [
            { id: 'a', title: 'Say hello' },
            { id: 'b', title: 'Say goodbye' },
          ],
        ),
      ],
    }),
    repository,
    { mode: 'review' },
  );
  const paused = await system.session(system.model.on('Greet later'), repository, { suspend: true });
  await Promise.all([
    system.completed(done),
    system.until(waiting, 'the plan', ({ status }) => status === 'WAITING_FOR_USER'),
    system.until(paused, 'the pause', ({ status }) => status === 'PAUSED'),
  ]);
  return { done, waiting, paused };
}

type Group = 'lists and the form of a session' | 'sessions' | 'settings';

function viewsOf({ done, waiting, paused }: Awaited<ReturnType<typeof sessions>>): Record<Group, View[]> {
  const heading = (name: string | RegExp) => (window: BrowserWindow) =>
    window.page.getByRole('heading', { name }).first().waitFor();
  const region = (name: string | RegExp) => (window: BrowserWindow) => window.page.getByRole('region', { name }).waitFor();
  const tab = (name: string, ready: (window: BrowserWindow) => Promise<void>): View => ({
    name: `done session, ${name}`,
    path: `/sessions/${done}?tab=${name}`,
    ready,
  });
  const panel = (text: string | RegExp) => (window: BrowserWindow) =>
    window.page.getByRole('tabpanel').getByText(text).first().waitFor();
  const lists: View[] = [
    {
      name: 'sessions',
      path: '/sessions',
      ready: (window) => window.shows(window.page.getByRole('list', { name: 'Sessions' }), 'Greet later'),
    },
    { name: 'sessions that match nothing', path: '/sessions?q=nothing-like-this', ready: heading('Nothing matches') },
    {
      name: 'new session',
      path: '/sessions/new',
      ready: (window) => window.field('Goal').waitFor(),
      more: async (window) => {
        await window.page.locator('summary', { hasText: 'More options' }).click();
        await window.button('Start session').click();
        await window.page.locator('[aria-invalid="true"]').first().waitFor();
      },
    },
    { name: 'nothing there', path: '/settings/nothing', ready: heading('There is nothing here') },
  ];
  const single: View[] = [
    { name: 'done session', path: `/sessions/${done}`, ready: region('Done, and verified') },
    tab('plan', panel('Say hello')),
    tab('changes', panel('greeting.txt')),
    tab('evidence', panel(/grep -q hello/)),
    tab('usage', panel('scripted-stand-in')),
    tab('events', panel(/phase/i)),
    {
      name: 'plan that waits',
      path: `/sessions/${waiting}`,
      ready: region('Plan 1 waits for approval'),
      more: async (window) => {
        await window.button('Comment on Say hello').click();
        await window.field('Comment on Say hello').fill('Why?');
      },
    },
    {
      name: 'paused session',
      path: `/sessions/${paused}`,
      ready: region('Suspended'),
      more: async (window) => {
        await window.button('More').click();
        await window.page.getByRole('menuitem', { name: 'Change limits' }).click();
        await window.page.getByRole('dialog').waitFor();
      },
    },
    { name: 'no such session', path: '/sessions/nothing', ready: heading('There is no such session') },
  ];
  const settings: View[] = [
    { name: 'profiles', path: '/settings/profiles', ready: (window) => window.sees('From the environment') },
    {
      name: 'new profile',
      path: '/settings/profiles/new',
      ready: (window) => window.field('Model').waitFor(),
      more: async (window) => {
        await window.page.locator('summary', { hasText: 'Advanced' }).click();
        await window.button('Create profile').click();
        await window.sees('Please give it a name.');
      },
    },
    {
      name: 'profile of the environment',
      path: '/settings/profiles/env-openai-compatible',
      ready: (window) => window.sees('in the server’s environment'),
    },
    {
      name: 'own profile',
      path: '/settings/profiles/own',
      ready: (window) => window.field('Model').waitFor(),
      more: async (window) => {
        await window.page.locator('summary', { hasText: 'From a terminal' }).click();
        await window.button('More actions').click();
        await window.page.getByRole('menuitem', { name: 'Enter key' }).click();
        await window.page.getByRole('dialog').waitFor();
      },
    },
  ];
  return { 'lists and the form of a session': lists, sessions: single, settings };
}

describe('any view is within its window and has no fault that axe finds, light and dark, on a desk and on a telephone', () => {
  for (const group of ['lists and the form of a session', 'sessions', 'settings'] as const) {
    it(`among ${group}`, async (at) => {
      const { system, open } = at;
      const own = { name: 'own', display_name: 'My own', provider: 'ollama', model: 'qwen3:8b', base_url: system.modelUrl };
      expect((await system.request('POST', '/agent/profiles', own)).status).toBe(201);
      const views = viewsOf(await sessions(at))[group];
      const window = await open('/sessions');
      // What a view asks for that is not there.
      window.tolerate(/status of 404/);
      const wrong: string[] = [];
      for (const { name, path, ready, more } of views) {
        await window.page.goto(new URL(path, system.url).href);
        await ready(window);
        wrong.push(...(await faults(window, name)));
        if (!more) continue;
        await window.page.setViewportSize(DESK);
        await more(window);
        wrong.push(...(await faults(window, `${name}, used`)));
      }
      await system.request('DELETE', '/agent/profiles/own');
      expect(wrong).toEqual([]);
    });
  }
});

describe('the main job', () => {
  it('is done with the keyboard alone: a session is started, its plan commented and approved, and its changes looked at', async ({
    system,
    open,
  }) => {
    const goal = system.model.on('Greet by keyboard', {
      plan: (request) => plan(JSON.stringify(request.body).includes('In English.') ? 'Greet in English' : 'Greet'),
    });
    const repository = await system.repository('keyboard');
    const window = await open('/sessions');
    const { keyboard } = window.page;
    const focus = window.page.locator(':focus');
    /** Goes on with Tab until the focus is on what has this name, as somebody who looks for it does. */
    const tabTo = async (role: 'button' | 'radio' | 'tab' | 'textbox' | 'link' | 'combobox', name: string | RegExp) => {
      const wanted = window.page.getByRole(role, { name, exact: typeof name === 'string' }).and(focus);
      for (let presses = 0; presses < 80; presses++) {
        if ((await wanted.count()) > 0) return;
        await keyboard.press('Tab');
      }
      throw new Error(
        `80 times Tab led nowhere near ${role} ${name}; the focus is on ${await focus.evaluate((element) => element.outerHTML)}`,
      );
    };
    await window.sees('No sessions yet');
    await keyboard.press('n');
    await window.field('Goal').and(focus).waitFor();
    await keyboard.type(goal);
    await keyboard.press('Tab');
    await keyboard.type(repository);
    await tabTo('radio', /On its own/);
    await keyboard.press('ArrowDown');
    await keyboard.press('Control+Enter');
    await window.button('Approve plan 1').waitFor();
    await tabTo('button', 'Comment on Say hello');
    await keyboard.press('Enter');
    await keyboard.type('In English.');
    await tabTo('button', /^Send back/);
    await keyboard.press('Enter');
    await window.button('Approve plan 2').waitFor();
    await tabTo('button', 'Approve plan 2');
    await keyboard.press('Enter');
    await window.page.getByRole('region', { name: 'Done, and verified' }).waitFor();
    await tabTo('tab', /^Timeline/);
    await keyboard.press('ArrowRight');
    await keyboard.press('ArrowRight');
    await keyboard.press('Enter');
    await window.page
      .getByRole('tabpanel', { name: /^Changes/ })
      .getByText('greeting.txt')
      .first()
      .waitFor();
    // Together, as fingers do: what lies a second apart is no sequence.
    await Promise.all([keyboard.press('g'), keyboard.press('s')]);
    await window.shows(window.page.getByRole('list', { name: 'Sessions' }), goal);
    await keyboard.press('j');
    await keyboard.press('Enter');
    await window.shows(window.page.getByRole('heading', { level: 1 }), goal);
    await keyboard.press('?');
    await window.page.getByRole('dialog').getByText('New session').waitFor();
    await keyboard.press('Escape');
    await window.page.getByRole('dialog').waitFor({ state: 'hidden' });
  });
});

describe('keys that come early', () => {
  it('lead to the form of a session also before it is known who looks at the page', async ({ open }) => {
    const window = await open('/sessions');
    const known = Promise.withResolvers<void>();
    await window.page.route('**/agent/me', async (route) => {
      await known.promise;
      await route.continue();
    });
    await window.page.reload();
    await window.sees('No sessions yet');
    await window.page.keyboard.press('n');
    await window.at('/sessions/new');
    known.resolve();
    await window.field('Goal').waitFor();
  });

  /** Presses keys in one task, so that nothing is drawn and nothing gets the focus in between. */
  const press = (window: BrowserWindow, ...keys: string[]) =>
    window.page.evaluate(
      `for (const key of ${JSON.stringify(keys)}) document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))`,
    );

  it('open the session that they lead to', async ({ system, open }) => {
    const repository = await system.repository('fast');
    const goals = ['Greet at dawn', 'Greet at noon', 'Greet at night'];
    for (const goal of goals) await system.session(system.model.on(goal), repository, { suspend: true });
    const window = await open('/sessions');
    const rows = window.page.getByRole('list', { name: 'Sessions' }).getByRole('listitem');
    for (const [keys, at] of [
      [['j', 'Enter'], 0],
      [['j', 'j', 'j', 'k', 'Enter'], 1],
    ] as const) {
      await rows.nth(goals.length - 1).waitFor();
      const text = await rows.nth(at).textContent();
      await press(window, ...keys);
      await window.shows(window.page.getByRole('heading', { level: 1 }), goals.find((goal) => text?.includes(goal)) ?? '?');
      await window.page.goBack();
    }
  });

  it('are for the view that they lead to, and for its field, once it has been shown before', async ({ system, open }) => {
    const repository = await system.repository('views');
    const goals = ['Greet in spring', 'Greet in autumn'];
    for (const goal of goals) await system.session(system.model.on(goal), repository, { suspend: true });
    const window = await open('/sessions/new');
    await window.field('Goal').waitFor();
    await window.link('Sessions').first().click();
    const rows = window.page.getByRole('list', { name: 'Sessions' }).getByRole('listitem');
    await rows.nth(1).waitFor();
    const [first, second] = await rows.evaluateAll((all) => all.map((row) => row.textContent ?? ''));
    const heading = (text = '') =>
      window.shows(window.page.getByRole('heading', { level: 1 }), goals.find((goal) => text.includes(goal)) ?? '?');
    await press(window, 'j', 'j', 'Enter');
    await heading(second);
    await press(window, 'g', 's', 'j', 'Enter');
    await heading(first);
    // What is typed there is no shortcut any more, though it reads like one.
    await press(window, 'n', 'g', 's');
    await window.field('Goal').and(window.page.locator(':focus')).waitFor();
    await window.at('/sessions/new');
  });

  it('fold the part of the timeline that they lead to', async ({ system, open }) => {
    const id = await system.session(system.model.on('Greet, and be looked at'), await system.repository('entries'));
    await system.completed(id);
    const window = await open(`/sessions/${id}`);
    const { page } = window;
    await page.getByRole('region', { name: 'Done, and verified' }).waitFor();
    const first = page.getByRole('feed', { name: 'Timeline' }).getByRole('button', { expanded: true }).first();
    await first.waitFor();
    const section = await first.elementHandle();
    await press(window, 'j', 'Enter');
    await eventually('it to be folded', async () => (await section?.getAttribute('aria-expanded')) === 'false');
  });
});
