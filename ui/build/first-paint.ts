/** What the browser should know before the page's script has come: the chosen theme, and which fonts it will need. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HtmlTagDescriptor, minifySync, type Plugin } from 'vite';

const THEME = join(import.meta.dirname, 'theme.js');
/** The fonts that the first view has in it. */
const FONTS = /(?:inter|jetbrains-mono)-latin-wght-normal/;

export function firstPaint(): Plugin {
  let theme = '';
  return {
    name: 'first-paint',
    apply: 'build',
    renderStart() {
      const source = minifySync('theme.js', readFileSync(THEME, 'utf8')).code;
      theme = this.emitFile({ type: 'asset', name: 'theme.js', source });
    },
    generateBundle() {
      theme = this.getFileName(theme);
    },
    transformIndexHtml: {
      order: 'post',
      handler(_html, { bundle = {} }) {
        const fonts = Object.keys(bundle).filter((file) => file.endsWith('.woff2') && FONTS.test(file));
        return [
          { tag: 'script', attrs: { src: `/${theme}` }, injectTo: 'head-prepend' },
          ...fonts.map(
            (file): HtmlTagDescriptor => ({
              tag: 'link',
              attrs: { rel: 'preload', href: `/${file}`, as: 'font', type: 'font/woff2', crossorigin: '' },
              injectTo: 'head',
            }),
          ),
        ];
      },
    },
  };
}
