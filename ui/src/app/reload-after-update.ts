/** A page that is older than the server asks for scripts that are not there any more; loading it again brings the new one. */

const KEY = 'reloaded-at';
/** A second failure so soon after means that loading again does not help. Milliseconds. */
const SOON = 30_000;

export function reloadAfterUpdate(): void {
  addEventListener('vite:preloadError', (event) => {
    try {
      if (Date.now() - Number(sessionStorage.getItem(KEY)) < SOON) return;
      sessionStorage.setItem(KEY, String(Date.now()));
    } catch {
      // Without storage nobody could tell when to stop.
      return;
    }
    event.preventDefault();
    location.reload();
  });
}
