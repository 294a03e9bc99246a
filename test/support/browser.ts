/**
 * Chromium for tests of the page. A window fails its test by anything that a user's console would show: an error, a rule of
 * the page's policy that was broken, a request to somewhere else. Everything is on this machine; nothing is looked up outside.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BrowserContext, type Browser as Chrome, chromium, type Locator, type Page, type Response } from 'playwright-core';
import { eventually, PATIENCE_MS } from './eventually.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { withoutNetworkNews } from './without-network-news.ts';

export type WindowOptions = {
  /** In CSS pixels; 1280 × 900 unless said otherwise. */
  width?: number;
  height?: number;
  scheme?: 'light' | 'dark';
};

/** How long a test waits for what a window must show, in ms: drawing is slower than anything else on a machine under load. */
export const PAGE_PATIENCE_MS = 2 * PATIENCE_MS;

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Whatever the page asks for elsewhere is an error at once, with or without a network.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

let found: string | null | undefined;

/** Where Chromium is; null when it is not installed. */
export function chromiumPath(): string | null {
  found ??=
    NAMES.map((name) => spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim()).find(Boolean) ?? null;
  return found;
}

/** One browser, of which every window is somebody else's: nothing is shared between them unless they are opened together. */
export class Browser implements AsyncDisposable {
  readonly #chrome: Chrome;
  readonly #resources: AsyncDisposableStack;
  readonly #contexts: BrowserContext[] = [];
  #windows: BrowserWindow[] = [];

  private constructor(chrome: Chrome, resources: AsyncDisposableStack) {
    this.#chrome = chrome;
    this.#resources = resources;
  }

  static async launch(): Promise<Browser> {
    const program = chromiumPath();
    if (program === null) throw new Error(`Chromium is not installed; none of ${NAMES.join(', ')} is on the PATH`);
    await using resources = new AsyncDisposableStack();
    const folder = resources.use(await temporaryFolder());
    const executablePath = withoutNetworkNews(program, folder.path);
    const chrome = await chromium.launch({ executablePath, args: ARGUMENTS, timeout: PAGE_PATIENCE_MS });
    resources.defer(() => chrome.close());
    return new Browser(chrome, resources.move());
  }

  /** Windows that were opened since the last call of `closeWindows`. */
  get windows(): readonly BrowserWindow[] {
    return this.#windows;
  }

  /** A window at the address. @param beside a window of the same user, with the same storage and cookies */
  async open(url: string, { width = 1280, height = 900, scheme = 'light' }: WindowOptions = {}, beside?: BrowserWindow) {
    let context = beside?.page.context();
    if (!context) {
      context = await this.#chrome.newContext({
        viewport: { width, height },
        colorScheme: scheme,
        // What moves would make waiting a matter of luck.
        reducedMotion: 'reduce',
        permissions: ['clipboard-read', 'clipboard-write'],
      });
      context.setDefaultTimeout(PAGE_PATIENCE_MS);
      this.#contexts.push(context);
    }
    const page = await context.newPage();
    await slowDown(page);
    const window = new BrowserWindow(page, new URL(url).origin);
    this.#windows.push(window);
    await window.page.goto(url);
    return window;
  }

  async closeWindows(): Promise<void> {
    this.#windows = [];
    for (const context of this.#contexts.splice(0)) await context.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** What the server answered to a request. */
type Answer = { method: string; url: string; text: string };

export class BrowserWindow {
  readonly page: Page;
  readonly #origin: string;
  readonly #log: string[] = [];
  readonly #problems: string[] = [];
  readonly #tolerated: RegExp[] = [];
  readonly #letPass: string[] = [];
  readonly #bodies: Promise<Answer>[] = [];
  #keepsAnswers = false;

  constructor(page: Page, origin: string) {
    this.page = page;
    this.#origin = origin;
    page.on('console', (message) => {
      this.#log.push(`${message.type()}: ${message.text()} (${message.location().url})`);
      if (message.type() === 'error') this.#problem(`the console shows: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => this.#problem(`an error was not caught: ${error.stack ?? error.message}`));
    page.on('dialog', (dialog) => {
      this.#problem(`a dialog opened: ${dialog.message()}`);
      void dialog.dismiss().catch(() => undefined);
    });
    page.on('crash', () => this.#problem('the page crashed'));
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol !== 'data:' && url.origin !== this.#origin) this.#problem(`a request went to ${url.href}`);
    });
    page.on('requestfailed', (request) => {
      this.#log.push(`failed: ${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
    });
    page.on('response', (response) => {
      this.#log.push(`${response.status()}: ${response.request().method()} ${response.url()}`);
      if (this.#keepsAnswers) this.#bodies.push(bodyOf(response));
    });
  }

  /** Lets pass what this test provokes: of the problems, those that match. */
  tolerate(pattern: RegExp): void {
    this.#tolerated.push(pattern);
  }

  #problem(text: string): void {
    this.#log.push(`problem: ${text}`);
    const list = this.#tolerated.some((pattern) => pattern.test(text)) ? this.#letPass : this.#problems;
    list.push(text);
  }

  /** Problems that were let pass. */
  get letPass(): readonly string[] {
    return this.#letPass;
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Keeps the answers of the server from now on, for `answers`. */
  keepAnswers(): void {
    this.#keepsAnswers = true;
  }

  /** What the server has answered, but for streams that are still open. */
  async answers(): Promise<Answer[]> {
    return Promise.all(this.#bodies);
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: typeof name === 'string' });
  }

  link(name: string | RegExp): Locator {
    return this.page.getByRole('link', { name, exact: typeof name === 'string' });
  }

  field(label: string | RegExp): Locator {
    return this.page.getByLabel(label, { exact: typeof label === 'string' });
  }

  /** Waits until the text can be seen somewhere. */
  async sees(text: string | RegExp, ms = PAGE_PATIENCE_MS): Promise<void> {
    await this.page.getByText(text).filter({ visible: true }).first().waitFor({ timeout: ms });
  }

  async at(path: string | RegExp): Promise<void> {
    const fits = (url: URL) =>
      typeof path === 'string' ? url.pathname === path : path.test(`${url.pathname}${url.search}${url.hash}`);
    await this.page.waitForURL(fits);
  }

  /** Waits until the locator's text is, or has in it, what is asked for. */
  async shows(locator: Locator, text: string | RegExp): Promise<void> {
    let last = '';
    try {
      await eventually(
        'a text',
        async () => {
          last = (await locator.allInnerTexts()).join('\n');
          return typeof text === 'string' ? last.includes(text) : text.test(last);
        },
        PAGE_PATIENCE_MS,
      );
    } catch (error) {
      throw new Error(`waited for ${text}, but there was: ${last}`, { cause: error });
    }
  }

  /** Writes what can be seen and what was said into the folder, under this name. */
  async record(folder: string, name: string): Promise<void> {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.log`), `${this.page.url()}\n${this.#log.join('\n')}\n`);
    await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true, timeout: 10_000 });
  }
}

/** For who looks for what goes wrong on a slow machine: BROWSER_SLOWDOWN=6 has a window take six times as long for its work. */
async function slowDown(page: Page): Promise<void> {
  const rate = Number(process.env.BROWSER_SLOWDOWN ?? 1);
  if (rate === 1) return;
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate });
}

async function bodyOf(response: Response): Promise<Answer> {
  const said = { method: response.request().method(), url: response.url() };
  if (response.headers()['content-type']?.includes('event-stream')) return { ...said, text: '' };
  // Redirects have none, and what a page no longer wants is thrown away.
  const text = await response.text().catch(() => '');
  return { ...said, text };
}
