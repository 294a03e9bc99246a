/** The page's composition root. */
import './design/fonts.css';
import './design/tokens.css';
import './design/base.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RouterProvider } from 'react-router/dom';
import { noticeLostStyles } from './api/part.ts';
import { newQueryClient } from './api/query-client.ts';
import { newRouter } from './app/router.tsx';
import { listenForShortcuts } from './app/shortcuts.ts';
import { followTheme } from './app/theme.ts';
import { TooltipLayer } from './design/tooltip.tsx';

followTheme();
listenForShortcuts();
noticeLostStyles();

const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={newQueryClient()}>
      <RouterProvider router={newRouter()} />
      <TooltipLayer />
    </QueryClientProvider>
  </StrictMode>,
);
