import { describe, expect } from '@jest/globals';
import { browserSuite } from '../support/browser-suite.ts';
import { CHECK, plan } from '../support/scripted-sessions.ts';

const { it } = browserSuite();

const STEPS = [
  { id: 'a', title: 'Say hello' },
  { id: 'b', title: 'Say goodbye' },
  { id: 'c', title: 'Say it twice' },
];

describe('comments on a plan', () => {
  it('are kept while one looks elsewhere, and go back together as one message', async ({ system, open }) => {
    const goal = system.model.on('Greet with comments', { plan: [plan('Greet', [CHECK], STEPS)] });
    const id = await system.session(goal, await system.repository('comments'), { mode: 'review' });
    await system.until(id, 'the plan', ({ plan }) => plan !== null);
    const window = await open(`/sessions/${id}`);
    const { page } = window;
    const sent: unknown[] = [];
    page.on('request', (request) => {
      if (request.url().endsWith('/input')) sent.push(request.postDataJSON());
    });
    const review = page.getByRole('region', { name: 'Plan 1 waits for approval' });
    const sendBack = (count: string) => review.getByRole('button', { name: `Send back (${count})`, exact: true });
    await review.getByRole('button', { name: 'Comment on Say hello' }).click();
    await review.getByLabel('Comment on Say hello').fill('In French.');
    await review.getByRole('button', { name: 'Done' }).click();
    await sendBack('1 comment').waitFor();
    await review.getByRole('button', { name: 'Comment on Say it twice' }).click();
    const writing = review.getByLabel('Comment on Say it twice');
    await writing.fill('Once is enough.');

    // Something happens in the session while somebody writes.
    await system.act(id, 'suspend');
    await page.getByRole('region', { name: 'Suspended' }).waitFor();
    await system.act(id, 'resume');
    await window.shows(review, 'Once is enough.');

    await window.link('Sessions').first().click();
    await window.at('/sessions');
    await page.goBack();
    await window.shows(review, 'Once is enough.');
    await review.getByLabel('On the plan as a whole').fill('Keep it short.');
    await page.reload();
    await window.shows(review, 'In French.');
    await sendBack('3 comments').click();

    const second = page.getByRole('region', { name: 'Plan 2 waits for approval' });
    await second.waitFor();
    const message =
      'On step 1 «Say hello» (a):\nIn French.\n\nOn step 3 «Say it twice» (c):\nOnce is enough.\n\nOn the plan as a whole:\nKeep it short.';
    expect(sent).toEqual([{ message }]);
    const asked = system.model.requests(goal).map(({ raw }) => raw);
    expect(asked.some((raw) => raw.includes('Once is enough.'))).toBe(true);
    const { body } = await system.request<{ inputs: { message: string }[] }>('GET', `/agent/sessions/${id}`);
    expect(body.inputs.map((input) => input.message)).toEqual([message]);
    await window.shows(page.getByRole('feed', { name: 'Timeline' }), 'On step 3 «Say it twice» (c):');

    await second.getByRole('button', { name: 'Comment on Say goodbye' }).click();
    await second.getByLabel('Comment on Say goodbye').fill('In Dutch.');
    await second.getByRole('button', { name: 'Send back (1 comment)', exact: true }).click();
    await page.getByRole('region', { name: 'Plan 3 waits for approval' }).waitFor();
    expect(sent.slice(1)).toEqual([{ message: 'In Dutch.', plan_step: 'b' }]);
  });
});
