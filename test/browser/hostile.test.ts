import { describe, expect } from '@jest/globals';
import type { BrowserWindow } from '../support/browser.ts';
import { browserSuite } from '../support/browser-suite.ts';
import type { ModelReply } from '../support/model-server.ts';
import { approve, bash, finish, write } from '../support/scripted-sessions.ts';

const { it } = browserSuite();

const ESC = '\u001b';
const MARKUP = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>';
const LINKS = '[a link](javascript:window.pwned=3) ![a picture](http://evil.example/beacon.png) <http://evil.example/>';
const TERMINAL = `${ESC}]0;owned${'\u0007'}${ESC}[2J${ESC}[31mred${ESC}[0m ${ESC}]8;;javascript:window.pwned=4${ESC}\\\\click${ESC}]8;;${ESC}\\\\`;
const HIDING = 'harmless\u202etxt.exe';
const EVIL = `${MARKUP} ${LINKS} ${TERMINAL} ${HIDING}`;
const FILE = `<img src=x onerror=window.pwned=5>${ESC}[31m.txt`;

/** What must not have come of any of it. Whatever is asked for elsewhere, or against the page's rules, fails the test by itself. */
async function isHarmless(window: BrowserWindow): Promise<void> {
  const found: unknown = await window.page.evaluate(`({
    pwned: window.pwned ?? null,
    scripts: [...document.scripts].filter(({ src }) => !src.startsWith(location.origin + '/assets/')).length,
    pictures: [...document.querySelectorAll('img, iframe, object, embed, video')]
      .filter(({ src }) => !src?.startsWith(location.origin + '/assets/'))
      .map(({ outerHTML }) => outerHTML),
    links: [...document.links].map(({ href }) => href).filter((href) => !href.startsWith(location.origin)),
    raw: [document.body.innerText, document.title].flatMap((text) => text.match(/.{0,40}[\\u0000-\\u0008\\u000b-\\u001f\\u202a-\\u202e\\u2066-\\u2069].{0,20}/g) ?? []),
  })`);
  expect(found).toEqual({ pwned: null, scripts: 0, pictures: [], links: [], raw: [] });
}

describe('a hostile repository', () => {
  it('shows its file names, its output and what a misled model says as text, in every view', async ({ system, open }) => {
    const repository = await system.repository('hostile', {
      [FILE]: `${EVIL}\n`,
      'README.md': `${EVIL}\n`,
    });
    const said = (reply: ModelReply): ModelReply => ({ text: EVIL, ...reply });
    const goal = system.model.on(`Look around ${MARKUP}`, {
      plan: [
        said({
          calls: [
            {
              name: 'submit_plan',
              args: {
                title: EVIL,
                steps: [{ id: 'a', title: EVIL, details: EVIL }],
                checks: [`grep -q hello greeting.txt # ${MARKUP}`],
              },
            },
          ],
        }),
      ],
      work: [
        said(bash(`cat README.md *.txt; echo '${MARKUP}'`)),
        said(write(`${MARKUP.replaceAll('/', '')}.md`, EVIL)),
        said(write('greeting.txt', `hello ${EVIL}\n`)),
        said(finish(EVIL)),
      ],
      review: [said(approve(EVIL))],
    });
    const id = await system.session(goal, repository, { mode: 'review' });
    const window = await open(`/sessions/${id}`, { height: 6_000 });
    await window.button('Approve plan 1').waitFor();
    await isHarmless(window);
    await window
      .button(/^Comment/)
      .first()
      .click();
    await window.button('Approve plan 1').click();
    await window.page.getByRole('region', { name: /^Done/ }).waitFor();
    await window.shows(window.page.getByRole('feed'), MARKUP);
    for (const tab of [/^Timeline/, /^Plan/, /^Changes/, /^Evidence/, 'Usage', 'Events']) {
      await window.page.getByRole('tab', { name: tab }).click();
      await window.page
        .getByRole('tabpanel', { name: tab })
        .getByText(/<img|scripted|greeting/)
        .first()
        .waitFor();
      await isHarmless(window);
    }
    await window.link('Sessions').first().click();
    await window.shows(window.page.getByRole('list', { name: 'Sessions' }), MARKUP);
    await isHarmless(window);
    const again = await open(`/sessions/new?from=${id}`);
    await again.field('Goal').waitFor();
    expect(await again.field('Goal').inputValue()).toBe(goal);
    await isHarmless(again);
  });

  it('cannot do better through the name, the model or the users of a profile', async ({ system, open }) => {
    const name = `${MARKUP} ${HIDING}`;
    const { status } = await system.request('POST', '/agent/profiles', {
      name: 'hostile',
      display_name: name,
      provider: 'openai-compatible',
      model: EVIL.slice(0, 250).replaceAll('\u0007', ''),
      base_url: system.modelUrl,
      users: [MARKUP],
    });
    expect(status).toBe(201);
    const window = await open('/settings/profiles');
    await window.shows(window.page.getByRole('main'), MARKUP);
    await isHarmless(window);
    await window.page.goto(`${system.url}/settings/profiles/hostile`);
    await window.field('Name').waitFor();
    await isHarmless(window);
    await system.request('DELETE', '/agent/profiles/hostile');
  });
});
