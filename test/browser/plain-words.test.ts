import { describe, expect } from '@jest/globals';
import type { Locator } from 'playwright-core';
import type { BrowserWindow } from '../support/browser.ts';
import { type AtThePage, browserSuite } from '../support/browser-suite.ts';
import { bash, CHECK, finish, plan, write } from '../support/scripted-sessions.ts';

const { it } = browserSuite({ model: { withoutTools: ['talker'] } });

/** Makes a profile, and takes it away again at the end. */
async function withProfile({ system }: AtThePage, profile: Record<string, unknown>, use: (name: string) => Promise<void>) {
  const { status, body, text } = await system.request<{ name: string }>('POST', '/agent/profiles', profile);
  if (status !== 201) throw new Error(`no profile was made: ${status} ${text}`);
  try {
    await use(body.name);
  } finally {
    await system.request('DELETE', `/agent/profiles/${body.name}`);
  }
}

const described = async (field: Locator): Promise<string> => {
  const ids = (await field.getAttribute('aria-describedby')) ?? '';
  const words = ids.split(' ').map((id) => field.page().locator(`[id="${id}"]`).textContent());
  return (await Promise.all(words)).join(' ');
};

const box = async (place: Locator) => {
  const found = await place.boundingBox();
  if (!found) throw new Error(`${place} is not shown`);
  return found;
};

describe('a new session', () => {
  it('is told that no budget holds a model whose price nobody knows', async (at) => {
    const { system } = at;
    const profile = {
      display_name: 'Priced',
      provider: 'openai-compatible',
      model: 'scripted',
      base_url: system.modelUrl,
      pricing: { input_per_million: 1, output_per_million: 2 },
    };
    await withProfile(at, profile, async (name) => {
      const window = await at.open('/sessions/new');
      await window.sees('What scripted-stand-in costs is not known and not counted, so that no budget stops this session');
      expect(await described(window.field('Budget'))).toContain('Limit its tokens under More options instead');
      await window.field('AI profile').selectOption(name);
      await window.sees('It pauses there; you can raise it then.');
      expect(await described(window.field('Budget'))).toBe('It pauses there; you can raise it then.');
    });
  });

  it('is told at once what is neither a URL nor a path', async ({ open }) => {
    const window = await open('/sessions/new');
    const repository = window.field('Repository');
    await repository.fill('not a url');
    await repository.blur();
    await window.sees('This is neither a URL nor a path.');
    expect(await repository.getAttribute('aria-invalid')).toBe('true');
    await repository.fill('/srv/project');
    await window.page.getByText('This is neither a URL nor a path.').waitFor({ state: 'detached' });
    await repository.blur();
    expect(await repository.getAttribute('aria-invalid')).toBeNull();
  });

  it('shows what the server says with the hidden characters of what was entered', async ({ open }) => {
    const window = await open('/sessions/new');
    window.tolerate(/status of 422/);
    await window.field('Goal').fill('Turn around');
    await window.field('Repository').fill('https://host.example/a\u202eb c');
    await window.button('Start session').click();
    await window.sees(/a⟨U\+202E⟩b c/);
    expect(await window.page.locator('form').textContent()).not.toContain('\u202e');
  });
});

describe('an AI profile', () => {
  it('whose model has no tools says No, and what that means', async (at) => {
    const profile = { display_name: 'Talks', provider: 'ollama', model: 'talker', base_url: at.system.modelUrl };
    await withProfile(at, profile, async (name) => {
      const window = await at.open(`/settings/profiles/${name}`);
      await window.shows(window.page.locator('dl').first(), /Tool calling\s+No\s+sessions wait for a model that does/);
      const { body } = await at.system.request<{ tool_calling: string }>('GET', `/agent/profiles/${name}`);
      expect(body.tool_calling).toBe('no');
    });
  });

  it('has lines to copy that make the change of the form', async (at) => {
    const { system } = at;
    const profile = { display_name: 'Mine', provider: 'openai-compatible', model: 'scripted', base_url: system.modelUrl };
    await withProfile(at, profile, async (name) => {
      const window = await at.open(`/settings/profiles/${name}`);
      await window.field('Model').fill('another');
      await window.page.keyboard.press('Escape');
      await window.page.locator('summary', { hasText: 'From a terminal' }).click();
      await window.button('Copy: Edit it with kubectl').click();
      const copied = () => window.page.evaluate('navigator.clipboard.readText()');
      expect(await copied()).toMatch(/ patch aip mine --type merge -p '{"spec":{"model":"another"}}'$/);
      await window.page.getByText('curl', { exact: true }).click();
      await window.button('Copy: Edit it with curl').click();
      expect(await copied()).toBe(
        `curl -X PATCH ${system.url}/agent/profiles/mine -H 'Content-Type: application/json' -d '{"model":"another"}'`,
      );
    });
  });
});

describe('a patch', () => {
  it('says of each file what changed, also where no line did', async ({ system, open }) => {
    const changes =
      'chmod +x run.sh && git mv old.txt new.txt && : > empty.txt && printf "\\000\\001" > image.bin && ln -s new.txt link';
    const goal = system.model.on('Change no line', { work: [write('greeting.txt', 'hello\n'), bash(changes), finish()] });
    const repository = await system.repository('modes', { 'run.sh': 'true\n', 'old.txt': 'as it was\n'.repeat(9) });
    const id = await system.session(goal, repository);
    await system.completed(id);
    const window = await open(`/sessions/${id}?tab=changes`);
    const file = (path: string) => window.page.getByRole('region', { name: path, exact: true });
    await window.shows(file('run.sh'), 'mode 100644 → 100755 (can be run)');
    await window.shows(file('run.sh'), 'Only its mode differs, no line.');
    await window.shows(file('new.txt'), 'Only moved: no line differs.');
    await window.shows(file('new.txt'), 'old.txt →');
    await window.shows(file('empty.txt'), 'A new empty file.');
    await window.shows(file('image.bin'), 'A new binary file.');
    await window.shows(file('link'), 'mode 120000 (a symbolic link)');
    await window.shows(file('greeting.txt'), '+1');
  });
});

describe('on a telephone', () => {
  const phone = { width: 360, height: 740 };
  /** Where the window ends for what lies under the message box. */
  const end = async (window: BrowserWindow) => (await box(window.page.getByRole('form', { name: 'Message to the session' }))).y;

  it('what waits can be tapped, and what the keyboard goes to does not lie under the message box', async ({ system, open }) => {
    const steps = Array.from({ length: 8 }, (_, index) => ({ id: `s${index}`, title: `Greet number ${index}` }));
    const goal = system.model.on('Greet in steps', { plan: [plan('Greet', [CHECK], steps)] });
    const id = await system.session(goal, await system.repository('phone'), { mode: 'review' });
    await system.until(id, 'the plan', ({ plan }) => plan !== null);
    const window = await open(`/sessions/${id}`, phone);
    const { height, width } = await box(window.button('Plan 1 waits for you'));
    expect(height).toBeGreaterThanOrEqual(24);
    expect(width).toBeGreaterThanOrEqual(24);

    const review = window.page.getByRole('region', { name: 'Plan 1 waits for approval' });
    const foot = await review
      .getByRole('button', { name: /^Approve/ })
      .locator('..')
      .elementHandle();
    for (const button of await review.getByRole('button', { name: /^Comment on/ }).all()) {
      await button.focus();
      const { y, height: high } = await box(button);
      expect(y + high).toBeLessThanOrEqual(Math.min((await foot?.boundingBox())?.y ?? 0, await end(window)));
    }
    const links = await window.page.getByRole('feed', { name: 'Timeline' }).getByRole('link').all();
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      await link.focus();
      const { y, height: high } = await box(link);
      expect(y + high).toBeLessThanOrEqual(await end(window));
    }
  });
});
