import { userInfo } from 'node:os';
import { describe, expect } from '@jest/globals';
import type { BrowserWindow } from '../support/browser.ts';
import { type AtThePage, browserSuite } from '../support/browser-suite.ts';
import { eventually } from '../support/eventually.ts';
import { Gate } from '../support/scripted-sessions.ts';

const KEY = 'sk-scripted-stand-in-0123456789-tail';
const { it } = browserSuite({
  env: { OPENAI_API_KEY: undefined, OPENAI_BASE_URL: undefined, MODEL_NAME: undefined },
  model: { apiKey: KEY },
});

type Entered = { name: string; provider: string; model: string; key?: string; more?: (window: BrowserWindow) => Promise<void> };

/** Fills in the form that is open, as the guide says: Name, Provider, Model, API Key. */
async function enter(window: BrowserWindow, { name, provider, model, key, more }: Entered): Promise<void> {
  await window.field('Name').fill(name);
  await window.page.getByRole('radio', { name: new RegExp(`^${provider}\\b(?!-)`) }).check();
  await window.field('Model').fill(model);
  await window.page.keyboard.press('Escape');
  if (key !== undefined) await window.field(/^API Key/).fill(key);
  await more?.(window);
}

const advanced = async (window: BrowserWindow) => {
  await window.page.locator('summary', { hasText: 'Advanced' }).click();
};
const health = (window: BrowserWindow) =>
  window.page.getByRole('status').filter({ hasText: /^(Ready|Testing|Key refused|Not )/ });
const row = (window: BrowserWindow, name: string) => window.page.getByRole('listitem').filter({ has: window.link(name) });

/** Makes a profile that answers, and shows its own view. */
async function create(at: AtThePage, name: string, more?: (window: BrowserWindow) => Promise<void>): Promise<BrowserWindow> {
  const window = await at.open('/settings/profiles/new');
  await enter(window, {
    name,
    provider: 'OpenAI-compatible',
    model: 'scripted',
    key: KEY,
    more: async () => {
      await window.field('Base URL').fill(at.system.modelUrl);
      await more?.(window);
    },
  });
  await window.button('Create profile').click();
  await window.shows(health(window), 'Ready');
  return window;
}

const view = async ({ system }: AtThePage, name: string) => {
  const { body } = await system.request<Record<string, unknown>>('GET', `/agent/profiles/${name}`);
  return body;
};

async function removeAll({ system }: AtThePage): Promise<void> {
  const { body } = await system.request<{ items: { name: string }[] }>('GET', '/agent/profiles');
  for (const { name } of body.items) await system.request('DELETE', `/agent/profiles/${name}`);
  await eventually('no profile to be left', async () => {
    const { body: now } = await system.request<{ items: unknown[] }>('GET', '/agent/profiles');
    return now.items.length === 0;
  });
}

describe('without any profile', () => {
  it('the first visit leads to the form, and what waits for a profile starts by itself when there is one', async (at) => {
    await removeAll(at);
    const { system } = at;
    const goal = system.model.on('Greet as soon as there is a model');
    const id = await system.session(goal, await system.repository('waiting'));
    await system.until(id, 'the reason', ({ reason }) => reason === 'NoProfile');

    const window = await at.open('/');
    await window.at('/settings/profiles/new');
    await window.sees('Welcome to SWE Agent');
    await window.sees('sessions that already wait for a profile start by themselves');
    expect(await window.field('Default').isChecked()).toBe(true);
    await enter(window, {
      name: 'My first',
      provider: 'OpenAI-compatible',
      model: 'scripted',
      key: KEY,
      more: () => window.field('Base URL').fill(system.modelUrl),
    });
    await window.button('Create profile').click();
    await window.at('/settings/profiles/my-first');
    await window.shows(health(window), 'Ready');
    await window.sees('It is ready. Sessions that waited for it start by themselves.');
    await system.completed(id);

    const later = await at.open('/');
    await later.at('/sessions');
  });
});

describe('a profile is made through the form and becomes ready', () => {
  const origin = (url: string) => new URL(url).origin;
  const providers: [string, (at: AtThePage) => Partial<Entered>][] = [
    [
      'OpenAI',
      ({ system }) => ({
        model: 'gpt-6.2-sol',
        more: async (window) => {
          await advanced(window);
          await window.field('Base URL').fill(system.modelUrl);
        },
      }),
    ],
    [
      'Gemini',
      ({ system }) => ({
        model: 'gemini-3.1-pro-preview',
        more: async (window) => {
          await advanced(window);
          await window.field('Base URL').fill(system.modelUrl);
        },
      }),
    ],
    [
      'Azure',
      ({ system }) => ({
        model: 'gpt-6.2-sol',
        more: async (window) => {
          await window.field('Endpoint').fill(origin(system.modelUrl));
          await window.field(/^Deployment/).fill('our-sol');
        },
      }),
    ],
    [
      'Ollama',
      ({ system }) => ({
        model: 'qwen3-coder:30b',
        more: (window) => window.field(/^Server address/).fill(origin(system.modelUrl)),
      }),
    ],
    [
      'Anthropic',
      ({ system }) => ({
        model: 'claude-sonnet-5-5',
        more: async (window) => {
          await advanced(window);
          await window.field('Base URL').fill(system.modelUrl);
        },
      }),
    ],
    [
      'OpenAI-compatible',
      ({ system }) => ({ model: 'anything', more: (window) => window.field('Base URL').fill(system.modelUrl) }),
    ],
  ];
  for (const [provider, of] of providers) {
    it(`with ${provider}`, async (at) => {
      await removeAll(at);
      const window = await at.open('/sessions');
      await window.link('AI Profiles').click();
      await window.link('New profile').first().click();
      const name = `My ${provider}`;
      await enter(window, { name, provider, model: '', key: KEY, ...of(at) });
      await window.button('Create profile').click();
      await window.shows(window.page.getByRole('heading', { level: 1 }), name);
      await window.shows(health(window), 'Ready');
      await window.shows(window.page.locator('dl'), /Tool calling\s+Yes/);

      await window.link('AI Profiles').first().click();
      const shown = row(window, name);
      await window.shows(shown, 'Ready');
      await window.shows(shown, /ends with tail|••••/);
      await window.shows(shown, 'tail');
      await window.shows(shown, provider);
    });
  }
});

describe('who uses a profile', () => {
  it('is the user whom it was assigned to with one click, else everybody when it is the default', async (at) => {
    await removeAll(at);
    const me = userInfo().username;
    const window = await create(at, 'For all', (form) => form.field('Default').check());
    await create(at, 'Mine', (form) => form.button(`My account (${me})`).click());
    expect(await view(at, 'for-all')).toMatchObject({ default: true, users: [] });
    expect(await view(at, 'mine')).toMatchObject({ default: false, users: [me] });

    await window.link('AI Profiles').first().click();
    await window.shows(row(window, 'For all'), 'Default');
    await window.shows(row(window, 'Mine'), `you (${me})`);
    await window.button('Actions for Mine').click();
    await window.page.getByRole('menuitem', { name: 'Set as default' }).click();
    await window.shows(row(window, 'Mine'), 'Default');
    await eventually('the other to be the default no more', async () => (await view(at, 'for-all')).default === false);

    await window.button('Actions for Mine').click();
    await window.page.getByRole('menuitem', { name: 'Take off my account' }).click();
    await window.shows(row(window, 'Mine'), 'Nobody in particular');
    expect(await view(at, 'mine')).toMatchObject({ default: true, users: [] });
  });
});

describe('what the server knows of a model', () => {
  it('is what the form shows, by whichever of its names', async ({ open }) => {
    const window = await open('/settings/profiles/new');
    await advanced(window);
    const shown = async (model: string, says: RegExp) => {
      await window.field('Model').fill(model);
      await window.sees(says);
      const places = ['Context window', 'Input', 'Output'].map((name) => window.field(name).getAttribute('placeholder'));
      return (await Promise.all(places)).join();
    };
    const known = await shown('gpt-4.1', /prices of this model are known/);
    expect(known).toMatch(/^\d+,\d+,\d+$/);
    expect(await shown('nobody-knows', /Without prices costs are not counted/)).toBe('as the provider says,not known,not known');
    expect(await shown('openai/gpt-4.1-2025-04-14', /prices of this model are known/)).toBe(known);
    // Whoever sets the price of what is sent sets that of what was sent before, too.
    await window.field('Input').fill('7');
    expect(await window.field('Cached input').getAttribute('placeholder')).toBe('as input');
  });
});

describe('what is wrong', () => {
  it('is said at its field before anything is sent, and by the server at the same place', async (at) => {
    await removeAll(at);
    const window = await at.open('/settings/profiles/new');
    window.keepAnswers();
    await window.button('Create profile').click();
    await window.sees('Please give it a name.');
    await window.sees('Please say which model.');
    await window.sees('OpenAI needs a key.');
    await window.field('Name').and(window.page.locator(':focus')).waitFor();
    expect(await window.field('Model').getAttribute('aria-invalid')).toBe('true');
    expect((await window.answers()).filter(({ method }) => method !== 'GET')).toEqual([]);

    window.tolerate(/status of 422/);
    await enter(window, { name: 'Mine', provider: 'OpenAI', model: 'gpt-6.2-sol', key: 'a key with spaces' });
    await window.button('Create profile').click();
    await window.sees(/printable ASCII characters/);
    expect(await window.field(/^API Key/).getAttribute('aria-invalid')).toBe('true');
  });

  it('with the key is found by a test, and mended by another key', async (at) => {
    await removeAll(at);
    const window = await at.open('/settings/profiles/new');
    await enter(window, {
      name: 'Mine',
      provider: 'OpenAI-compatible',
      model: 'scripted',
      key: 'sk-wrong-0123456789-nope',
      more: () => window.field('Base URL').fill(at.system.modelUrl),
    });
    await window.button('Create profile').click();
    await window.shows(health(window), 'Key refused');
    await window.shows(window.page.locator('dl'), 'nope');
    await window.button('Replace key').first().click();
    const dialog = window.page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Save key' }).click();
    await window.sees('Please enter the key.');
    await dialog.getByLabel('API Key').fill(KEY);
    await dialog.getByRole('button', { name: 'Save key' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await window.shows(health(window), 'Ready');
    await window.shows(window.page.locator('dl'), 'tail');

    await window.button('Test now').click();
    await window.sees('Mine answers and calls tools.');
  });
});

describe('a change', () => {
  it('is saved from the form, and asks for the key again where it would go to another host', async (at) => {
    await removeAll(at);
    const window = await create(at, 'Mine');
    expect(await window.button('Save changes').isDisabled()).toBe(true);
    await window.field('Model').fill('other');
    await advanced(window);
    await window.field('Context window').fill('64000');
    await window.field('Temperature').fill('0.5');
    await window.button('Save changes').click();
    await window.sees('Mine is saved.');
    expect(await view(at, 'mine')).toMatchObject({ model: 'other', context_window: 64_000, parameters: { temperature: 0.5 } });
    await window.field('Base URL').fill('http://127.0.0.1:1/v1');
    await window.sees('The stored key was entered for another host');
    await window.page.reload();
    expect(await window.field('Context window').inputValue()).toBe('64000');
  });

  it('made elsewhere is seen at once, and takes nothing of what somebody types', async (at) => {
    await removeAll(at);
    const window = await create(at, 'Mine');
    const other = await at.open('/settings/profiles');
    await window.field('Name').fill('Typed here');
    await at.system.request('PATCH', '/agent/profiles/mine', { users: ['bob'], display_name: 'Changed elsewhere' });
    await other.shows(row(other, 'Changed elsewhere'), 'bob');
    await window.sees('It was changed elsewhere meanwhile.');
    expect(await window.field('Name').inputValue()).toBe('Typed here');
    await window.button('Save changes').click();
    await window.sees('Typed here is saved.');
    expect(await view(at, 'mine')).toMatchObject({ display_name: 'Typed here', users: ['bob'] });
  });
});

describe('a deletion', () => {
  it('names the sessions that use the profile, and they wait until there is another', async (at) => {
    await removeAll(at);
    const { system } = at;
    const window = await create(at, 'Mine', (form) => form.field('Default').check());
    const hold = new Gate();
    const goal = system.model.on('Greet although the profile goes away', { hold });
    const id = await system.session(goal, await system.repository('deletion'));
    await hold.reached();

    await window.link('AI Profiles').first().click();
    await window.shows(row(window, 'Mine'), '1 session');
    await window.button('Actions for Mine').click();
    await window.page.getByRole('menuitem', { name: 'Delete' }).click();
    const dialog = window.page.getByRole('dialog');
    await window.shows(dialog, '1 unfinished session uses it:');
    await window.shows(dialog, goal);
    await dialog.getByRole('button', { name: 'Delete profile' }).click();
    await window.sees('No profile yet');
    expect((await system.request('GET', '/agent/profiles/mine')).status).toBe(404);

    hold.open();
    await create(at, 'Another', (form) => form.field('Default').check());
    await system.completed(id);
  });
});

describe('a key', () => {
  it('is nowhere to be found after it was entered: not in the page, its storage, the answers, the objects or the output', async (at) => {
    await removeAll(at);
    const { system } = at;
    const window = await at.open('/settings/profiles/new');
    window.keepAnswers();
    const secret = window.field(/^API Key/);
    await enter(window, { name: 'Mine', provider: 'OpenAI-compatible', model: 'scripted', key: KEY });
    await window.field('Base URL').fill(system.modelUrl);
    expect(await secret.evaluate((field) => [field.getAttribute('type'), field.getAttribute('autocomplete')])).toEqual([
      'password',
      'off',
    ]);
    // Neither while it is being typed, but for the field itself.
    expect(await window.page.content()).not.toContain(KEY);
    await window.button('Create profile').click();
    await window.shows(health(window), 'Ready');
    await window.link('AI Profiles').first().click();
    await window.shows(row(window, 'Mine'), 'tail');
    await window.page.goBack();
    await window.page.goBack();
    await window.field('Name').waitFor();

    const { origins } = await window.page.context().storageState({ indexedDB: true });
    const kept: unknown = await window.page.evaluate(
      `JSON.stringify([{ ...sessionStorage }, history.state, [...document.querySelectorAll('input')].map(({ value }) => value)])`,
    );
    const answers = await window.answers();
    expect(answers.length).toBeGreaterThan(5);
    const everywhere = [
      await window.page.content(),
      JSON.stringify(origins),
      String(kept),
      ...answers.map(({ text }) => text),
      (await system.request('GET', '/agent/profiles/mine')).text,
      (await system.request('GET', '/agent/profiles')).text,
      JSON.stringify(await window.page.context().cookies()),
      system.output,
    ].join('\n');
    expect(everywhere).toContain('scripted');
    expect(everywhere).not.toContain(KEY);
    expect(everywhere).not.toContain(Buffer.from(KEY).toString('base64'));
  });
});
