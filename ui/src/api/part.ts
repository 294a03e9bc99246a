/**
 * Parts of the page that are loaded when they are needed. A request that is lost on its way is made again, since a network
 * changes, a proxy hiccups and a server restarts; a page that is older than the server asks for files that are not there any
 * more, and loading it again brings the new one. Nothing else loads it again: that would take away what somebody has typed.
 */

/** Waits between attempts, in milliseconds. */
const WAITS = [200, 1_000, 3_000, 6_000];
const QUESTION_TIMEOUT = 8_000;
const KEY = 'reloaded-at';
/** Another build so soon after that it was loaded means that loading again does not help. Milliseconds. */
const SOON = 30_000;

/** Style sheets that did not come; who imports a part again is not told of them again. */
const lost = new Set<HTMLLinkElement>();

/** Notices what `loadPart` has to ask for again. Before anything is loaded with it. */
export function noticeLostStyles(): void {
  // Such an event goes no further than to the element itself.
  const onError = ({ target }: Event) => {
    if (target instanceof HTMLLinkElement && target.rel === 'stylesheet') lost.add(target);
  };
  addEventListener('error', onError, { capture: true });
}

/** @throws what `load` failed with, when it did so several times and not because the page is old */
export async function loadPart<T>(load: () => Promise<T>): Promise<T> {
  for (const wait of WAITS) {
    try {
      return await load();
    } catch {
      if (await isOld()) return reload();
      await new Promise((resolve) => setTimeout(resolve, wait));
      await Promise.all([...lost].map(loadStyle));
    }
  }
  return load();
}

/** Whether the server has another build of the page. */
async function isOld(): Promise<boolean> {
  const script = document.querySelector('script[type="module"][src]')?.getAttribute('src');
  try {
    if (script === undefined || script === null || Date.now() - Number(sessionStorage.getItem(KEY)) < SOON) return false;
    const headers = { Accept: 'text/html' };
    const response = await fetch(location.href, { headers, cache: 'no-store', signal: AbortSignal.timeout(QUESTION_TIMEOUT) });
    if (!response.ok || (await response.text()).includes(script)) return false;
    sessionStorage.setItem(KEY, String(Date.now()));
    return true;
  } catch {
    // The server cannot be asked; or storage is closed to the page, and nobody could tell when to stop.
    return false;
  }
}

/** Never resolves: nothing of this page is to go on. */
function reload(): Promise<never> {
  location.reload();
  return new Promise(() => {});
}

function loadStyle(link: HTMLLinkElement): Promise<void> {
  lost.delete(link);
  const again = document.createElement('link');
  again.rel = 'stylesheet';
  again.href = link.href;
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const event of ['load', 'error']) again.addEventListener(event, () => resolve());
  link.replaceWith(again);
  return promise;
}
