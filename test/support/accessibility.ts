/** Looks for what keeps people from using a page: with axe, and whether it fits into its window. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { BrowserWindow } from './browser.ts';
import { eventually } from './eventually.ts';

export const DESK = { width: 1_280, height: 900 };
export const TELEPHONE = { width: 360, height: 740 };

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** All faults of the view that is shown, each in a line: in both themes and at both sizes. It is left dark and small. */
export async function faults(window: BrowserWindow, view: string): Promise<string[]> {
  const { page } = window;
  const all: string[] = [];
  for (const [size, name] of [[DESK, 'desk'] as const, [TELEPHONE, 'telephone'] as const]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme });
      await page.locator(`html[data-theme="${colorScheme}"]`).waitFor();
      await settled(window);
      await showWhole(window, size);
      const found = [...(await violations(window)), ...(await overflow(window))];
      all.push(...found.map((text) => `${view} (${name}, ${colorScheme}): ${text}`));
    }
  }
  return all;
}

/** Makes the window so high that nothing lies under what stays at its edges: how far one has scrolled is no fault of a view. */
async function showWhole(window: BrowserWindow, { width, height }: typeof DESK): Promise<void> {
  const whole: unknown = await window.page.evaluate('document.documentElement.scrollHeight');
  if (typeof whole !== 'number') throw new Error('the page has no height');
  await window.page.setViewportSize({ width, height: Math.max(height, whole) });
  await settled(window);
}

/** Waits until colours and sizes are what they will be, since what axe sees on the way there is nowhere for people to see. */
async function settled({ page }: BrowserWindow): Promise<void> {
  await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
  await eventually(
    'all transitions to be over',
    async () => (await page.evaluate('document.getAnimations().some((one) => one instanceof CSSTransition)')) === false,
  );
}

/** The rule, and where it is broken. */
async function violations({ page }: BrowserWindow): Promise<string[]> {
  const known: unknown = await page.evaluate('typeof globalThis.axe');
  if (known !== 'object') await page.evaluate(axe);
  const found: unknown =
    await page.evaluate(`axe.run({ runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => [id, target.join(' '), failureSummary].join(' | '))))`);
  if (!Array.isArray(found)) throw new Error('axe told nothing');
  return found.map(String);
}

async function overflow({ page }: BrowserWindow): Promise<string[]> {
  const wider: unknown = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  return typeof wider === 'number' && wider <= 0 ? [] : [`it is ${wider} pixels wider than its window`];
}
