/** Writes down which files outside of ui/ the page is made of, for scripts/build-ui to see when they change. */
import { join, relative } from 'node:path';
import type { Plugin } from 'vite';

const PAGE = join(import.meta.dirname, '..');
const ROOT = join(PAGE, '..');

export function inputs(): Plugin {
  return {
    name: 'inputs',
    apply: 'build',
    generateBundle() {
      const files = [...this.getModuleIds()]
        .map((id) => id.replace(/\?.*$/, ''))
        .filter((id) => id.startsWith(`${ROOT}/`) && !id.startsWith(`${PAGE}/`) && !id.includes('/node_modules/'))
        .map((id) => relative(ROOT, id));
      this.emitFile({
        type: 'asset',
        fileName: '.inputs',
        source: [...new Set(files)]
          .sort()
          .map((file) => `${file}\n`)
          .join(''),
      });
    },
  };
}
