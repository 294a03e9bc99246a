import { writeFileSync } from 'node:fs';
import { describe, expect } from '@jest/globals';
import type { BrowserWindow } from '../support/browser.ts';
import { type AtThePage, browserSuite } from '../support/browser-suite.ts';
import { bash, CHECK, finish, Gate, greet, plan, write } from '../support/scripted-sessions.ts';

const { it } = browserSuite();

type Asked = { goal: string; repository: string; review?: boolean; more?: (window: BrowserWindow) => Promise<void> };

/** Starts a session through the form, and shows its page. */
async function start({ open }: AtThePage, { goal, repository, review = false, more }: Asked) {
  const window = await open('/sessions');
  await window.link('New session').first().click();
  await window.field('Goal').fill(goal);
  await window.field('Repository').fill(repository);
  if (review) await window.page.getByRole('radio', { name: /With my approval/ }).check();
  await more?.(window);
  await window.button('Start session').click();
  await window.at(/^\/sessions\/(?!new)[^/]+$/);
  const id = new URL(window.page.url()).pathname.split('/').at(-1) ?? '';
  return { window, id };
}

/** A command that says something, and ends when `release` is called. */
function heldCommand({ system }: AtThePage) {
  const command = 'echo be"g"un; until [ -e $HOME/go ]; do sleep 0.05; done; echo released';
  return { command, release: (id: string) => writeFileSync(system.path('workspace', id, 'home/go'), '') };
}

const timeline = (window: BrowserWindow) => window.page.getByRole('feed', { name: 'Timeline' });
const notice = (window: BrowserWindow, title: string | RegExp) => window.page.getByRole('region', { name: title });
const status = (window: BrowserWindow, label: string) => window.page.getByText(label, { exact: true }).first().waitFor();
const send = async (window: BrowserWindow, text: string) => {
  await window.field('Message').fill(text);
  await window.button('Send').click();
};

describe('a session on its own', () => {
  it('is watched live from the form to its verified result, and its patch can be downloaded', async (at) => {
    const { system } = at;
    const held = heldCommand(at);
    const goal = system.model.on('Say hello in a file', {
      work: [bash(held.command), write('greeting.txt', 'hello\n'), finish('It says hello now.')],
    });
    const { window, id } = await start(at, { goal, repository: await system.repository('watched') });
    await window.shows(window.page.getByRole('heading', { level: 1 }), goal);
    await window.shows(timeline(window), held.command.slice(-20));
    // Its output, and not its own text.
    await window.shows(timeline(window), 'begun');
    await status(window, 'Programming');
    await window.shows(window.page.getByRole('complementary'), 'Say hello');
    held.release(id);
    await window.shows(notice(window, 'Done, and verified'), 'It says hello now.');
    await window.shows(timeline(window), /greeting\.txt/);
    await window.shows(timeline(window), 'Completed');

    await window.page.getByRole('tab', { name: /^Changes/ }).click();
    await window.sees('greeting.txt');
    await window.page.getByRole('tab', { name: /^Evidence/ }).click();
    await window.sees(CHECK);
    await window.page.getByRole('tab', { name: 'Usage' }).click();
    await window.page.getByRole('tab', { name: /^Timeline/ }).click();
    const [download] = await Promise.all([window.page.waitForEvent('download'), window.link('Patch').click()]);
    expect(download.suggestedFilename()).toBe(`${id}.patch`);

    await window.link('Sessions').first().click();
    await window.shows(window.page.getByRole('list', { name: 'Sessions' }), goal);
    await window.shows(window.page.getByRole('list', { name: 'Sessions' }), 'Completed');
  });
});

describe('a plan that waits for approval', () => {
  it('goes back with a comment on a step, comes again changed, and is worked through when it is approved', async (at) => {
    const { system } = at;
    const steps = [
      { id: 'a', title: 'Say hello' },
      { id: 'b', title: 'Say goodbye as well' },
    ];
    const goal = system.model.on('Greet politely', {
      plan: (request) =>
        JSON.stringify(request.body).includes('only hello, please')
          ? plan('Greet, shorter', [CHECK], steps.slice(0, 1))
          : plan('Greet', [CHECK], steps),
    });
    const { window, id } = await start(at, { goal, repository: await system.repository('reviewed'), review: true });
    const first = window.page.getByRole('region', { name: 'Plan 1 waits for approval' });
    await window.shows(first, 'Say goodbye as well');
    await first.getByRole('button', { name: 'Comment on Say goodbye as well' }).click();
    await first.getByLabel('Comment on Say goodbye as well').fill('Leave it: only hello, please.');
    await window.sees('1 comment to send');
    await first.getByRole('button', { name: 'Send back' }).click();

    const second = window.page.getByRole('region', { name: 'Plan 2 waits for approval' });
    await window.shows(second, 'Greet, shorter');
    await window.shows(second, 'Removed');
    expect((await system.view(id)).plan).toMatchObject({ revision: 2, approved: false });
    await second.getByRole('button', { name: 'Approve plan 2' }).click();
    await notice(window, 'Done, and verified').waitFor();
    await window.shows(timeline(window), /on «Say goodbye as well»/);
    expect((await system.view(id)).plan).toMatchObject({ revision: 2, approved: true });
  });
});

describe('a message', () => {
  it('that comes while it codes waits for the iteration to end, and then makes a new plan', async (at) => {
    const { system } = at;
    const held = heldCommand(at);
    const goal = system.model.on('Greet in English', {
      first: [plan('Greet in English'), bash(held.command)],
    });
    const { window, id } = await start(at, { goal, repository: await system.repository('messages') });
    await window.shows(timeline(window), 'begun');
    await window.sees('It is queued: when this iteration ends, the goal is updated and planning starts again.');
    await send(window, 'Greet in German, too.');
    await window.shows(window.page.getByRole('list', { name: 'Messages that wait' }), 'Greet in German, too.');
    held.release(id);
    await window.shows(timeline(window), 'Part of the goal');
    await notice(window, 'Done, and verified').waitFor();
    expect((await system.view(id)).plan?.revision).toBe(2);
  });

  it('can interrupt the command that runs', async (at) => {
    const { system } = at;
    const goal = system.model.on('Wait for ever', { work: [bash('echo be"g"un; sleep 1000'), ...greet] });
    const { window } = await start(at, { goal, repository: await system.repository('interrupted') });
    await window.shows(timeline(window), 'begun');
    await window.field('When it is read').selectOption({ label: 'Interrupt now' });
    await window.sees('It interrupts what is running and is read at once.');
    await send(window, 'Do not wait.');
    await notice(window, 'Done, and verified').waitFor();
    expect(system.model.requests(goal).some(({ raw }) => raw.includes('Do not wait.'))).toBe(true);
  });
});

describe('a session that is to stop', () => {
  it('is cancelled for good after a question, and says so everywhere', async (at) => {
    const { system } = at;
    const goal = system.model.on('Sleep', { work: [bash('echo be"g"un; sleep 1000')] });
    const { window, id } = await start(at, { goal, repository: await system.repository('cancelled') });
    await window.shows(timeline(window), 'begun');
    await window.button('Cancel').click();
    await window.page.getByRole('dialog').getByRole('button', { name: 'Cancel session' }).click();
    await window.shows(timeline(window), 'Cancelled');
    await window.sees('The session is cancelled and takes no more messages.');
    expect((await system.view(id)).status).toBe('CANCELLED');
  });

  it('pauses at its budget, and goes on by itself when that is raised', async (at) => {
    const { system } = at;
    const goal = system.model.on('Greet on a budget');
    const pricing = { input_per_million: 1_000, output_per_million: 1_000 };
    const profile = {
      display_name: 'Dear',
      provider: 'openai-compatible',
      model: 'scripted',
      base_url: system.modelUrl,
      pricing,
    };
    expect((await system.request('POST', '/agent/profiles', profile)).status).toBe(201);
    const { window, id } = await start(at, {
      goal,
      repository: await system.repository('budget'),
      more: async (form) => {
        await form.field('AI profile').selectOption('dear');
        await form.field('Budget').fill('0.0001');
      },
    });
    await window.shows(notice(window, 'Paused'), 'LimitReached');
    await window.button('Raise the limit').click();
    await window.field('Cost in US dollars').fill('1000');
    await window.button('Change limits').click();
    await notice(window, 'Done, and verified').waitFor();
    await window.shows(window.page.locator('header dl'), 'of $1000');
    expect((await system.view(id)).status).toBe('COMPLETED');
    await system.request('DELETE', '/agent/profiles/dear');
  });
});

describe('two windows', () => {
  it('show the same at once, whoever acts in which', async (at) => {
    const { system } = at;
    const hold = new Gate();
    const goal = system.model.on('Greet for two', {
      work: async ({ turn }) => {
        await hold.pass();
        return greet[turn] ?? finish();
      },
    });
    const { window, id } = await start(at, { goal, repository: await system.repository('shared'), review: true });
    const list = await at.open('/sessions');
    const other = await at.open(`/sessions/${id}`, {}, window);
    await list.shows(list.page.getByRole('list', { name: 'Sessions' }), 'Waiting for you');
    await window.button('Approve plan 1').waitFor();
    await other.button('Approve plan 1').click();
    await window.button('Approve plan 1').waitFor({ state: 'detached' });
    await list.shows(list.page.getByRole('list', { name: 'Sessions' }), 'Programming');
    await send(window, 'And in French.');
    await other.shows(other.page.getByRole('list', { name: 'Messages that wait' }), 'And in French.');
    await other.button('Suspend').click();
    await notice(window, 'Suspended').waitFor();
    await window.button('Resume').first().click();
    hold.open();
    await other.button('Approve plan 2').waitFor();
    await window.button('Approve plan 2').click();
    for (const each of [window, other]) await notice(each, 'Done, and verified').waitFor();
    await list.shows(list.page.getByRole('list', { name: 'Sessions' }), 'Completed');
    const link = await other.page
      .getByRole('link', { name: /Link to event/ })
      .last()
      .getAttribute('href');
    const third = await at.open(`/sessions/${id}${link}`);
    await third.page.locator(`a[href="${link}"]`).first().waitFor();
  });
});
