/**
 * Tests through the page: the whole system as a user has it, and a browser. What fails leaves a picture, the console and the
 * system's output in a folder that the failure names. Where Chromium is missing the tests are skipped, and the reason is printed.
 */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { Browser, type BrowserWindow, chromiumPath, PAGE_PATIENCE_MS, type WindowOptions } from './browser.ts';
import { System, type SystemOptions } from './system.ts';

const root = join(import.meta.dirname, '../..');
const failures = join(root, '.cache/browser-failures');
/** Some tests look at dozens of views, and the first suite builds the page: minutes on a machine under load. */
const TIMEOUT_MS = 5 * PAGE_PATIENCE_MS;

export type AtThePage = {
  system: System;
  /** A window at a path of the page, or at a whole address; of another user each time, or beside one of the same. */
  open: (path: string, options?: WindowOptions, beside?: BrowserWindow) => Promise<BrowserWindow>;
};

export type BrowserSuite = {
  it: (name: string, body: (at: AtThePage) => Promise<void>) => void;
};

/** @param options the system's, or what makes them before the first test */
export function browserSuite(options: SystemOptions = {}): BrowserSuite {
  if (chromiumPath() === null) {
    const missing = 'Chromium is not installed';
    if (process.env.CI === 'true') throw new Error(`the tests of the page must run here, but ${missing}`);
    console.warn(`some tests are skipped: ${missing}`);
    return { it: (name) => it.skip(name, () => undefined) };
  }
  let system: System;
  let browser: Browser;
  beforeAll(async () => {
    execFileSync('sh', ['scripts/build-ui'], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    [system, browser] = await Promise.all([System.start(options), Browser.launch()]);
  }, TIMEOUT_MS);
  afterEach(async () => {
    await browser.closeWindows();
    await system.clear();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await system?.[Symbol.asyncDispose]();
  }, TIMEOUT_MS);
  const problems = () => browser.windows.flatMap((window) => window.problems.map((one) => `in the browser: ${one}`)).join('\n');
  return {
    it: (name, body) =>
      it(
        name,
        async () => {
          const folder = join(failures, slug(expect.getState().currentTestName ?? name));
          rmSync(folder, { recursive: true, force: true });
          try {
            await body({ system, open: (path, how, beside) => browser.open(new URL(path, system.url).href, how, beside) });
            if (problems() !== '') throw new Error('the test went well, but not all that the browser shows');
          } catch (error) {
            await record(folder, browser, system);
            // What went wrong in the browser is often the reason of what the test waited for in vain.
            const all = [error instanceof Error ? error.message : String(error), problems(), `(see ${relative(root, folder)})`];
            throw new Error(all.filter(Boolean).join('\n'), { cause: error });
          }
        },
        TIMEOUT_MS,
      ),
  };
}

async function record(folder: string, browser: Browser, system: System): Promise<void> {
  for (const [index, window] of browser.windows.entries()) {
    // A browser that is gone has nothing to show; the failure itself is what counts.
    await window.record(folder, `window-${index + 1}`).catch((error: unknown) => console.warn(`no picture: ${error}`));
  }
  if (browser.windows.length > 0) writeFileSync(join(folder, 'system.log'), system.output);
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 100);
}
