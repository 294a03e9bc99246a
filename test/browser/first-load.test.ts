import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect } from '@jest/globals';
import type { BrowserWindow } from '../support/browser.ts';
import { browserSuite } from '../support/browser-suite.ts';

const { it } = browserSuite();

/** Of JavaScript that somebody loads who comes for the first time, compressed. */
const MOST_KIB = 250;
/** What moved on its way, as browsers score it; up to 0.1 counts as good. */
const MOST_SHIFT = 0.05;

async function loaded({ page }: BrowserWindow): Promise<string[]> {
  const names: unknown = await page.evaluate(
    `performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname).filter((path) => path.endsWith('.js'))`,
  );
  return Array.isArray(names) ? [...new Set(names.map(String))] : [];
}

/** The sum of all that moved without anybody having touched anything. */
async function shift({ page }: BrowserWindow): Promise<number> {
  const sum: unknown = await page.evaluate(`new Promise((resolve) => {
    let sum = 0;
    const observer = new PerformanceObserver((list) => {
      for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) sum += value;
    });
    observer.observe({ type: 'layout-shift', buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
  })`);
  if (typeof sum !== 'number') throw new Error('the browser did not say what moved');
  return sum;
}

describe('somebody who comes for the first time', () => {
  it('loads little, and nothing moves when the data arrive', async ({ system, open }) => {
    const id = await system.session(system.model.on('Greet for the first time'), await system.repository('first'));
    await system.completed(id);
    const views: [string, (window: BrowserWindow) => Promise<void>][] = [
      ['/sessions', (window) => window.shows(window.page.getByRole('list', { name: 'Sessions' }), 'Greet for the first time')],
      [`/sessions/${id}`, (window) => window.page.getByRole('region', { name: 'Done, and verified' }).waitFor()],
      ['/sessions/new', (window) => window.field('Goal').waitFor()],
      ['/settings/profiles', (window) => window.sees('From the environment')],
      ['/settings/profiles/new', (window) => window.field('Model').waitFor()],
    ];
    const found: Record<string, { kib: number; shift: number }> = {};
    for (const [path, ready] of views) {
      const window = await open(path);
      await ready(window);
      const bytes = (await loaded(window)).reduce((sum, file) => {
        return sum + gzipSync(readFileSync(join(import.meta.dirname, '../../ui/dist', file)), { level: 9 }).length;
      }, 0);
      found[path] = { kib: Math.round(bytes / 1_024), shift: await shift(window) };
    }
    for (const { kib, shift: moved } of Object.values(found)) {
      expect(kib).toBeGreaterThan(50);
      expect(kib).toBeLessThan(MOST_KIB);
      expect(moved).toBeLessThan(MOST_SHIFT);
    }
  });
});
