/** The addresses of the page. Each view is loaded when it is first gone to. */
import type { ComponentType } from 'react';
import { createBrowserRouter, type RouteObject } from 'react-router';
import { loadPart } from '../api/part.ts';
import FirstView from './first-view.tsx';
import { Layout } from './layout.tsx';
import NotFound from './not-found.tsx';
import { ViewFailed } from './view-failed.tsx';

function view(path: string, load: () => Promise<{ default: ComponentType }>): RouteObject {
  return {
    path,
    ErrorBoundary: ViewFailed,
    async lazy() {
      const { default: Component } = await loadPart(load);
      return { Component };
    },
  };
}

const routes: RouteObject[] = [
  { ...view('/login', () => import('../login/page.tsx')), HydrateFallback: Nothing },
  {
    Component: Layout,
    ErrorBoundary: ViewFailed,
    HydrateFallback: Nothing,
    children: [
      { path: '/', Component: FirstView },
      view('/sessions', () => import('../sessions/page.tsx')),
      view('/sessions/new', () => import('../new-session/page.tsx')),
      view('/sessions/:id', () => import('../session/page.tsx')),
      view('/sessions/:id/:tab', () => import('../session/page.tsx')),
      view('/settings/profiles', () => import('../settings/profiles-page.tsx')),
      view('/settings/profiles/new', () => import('../settings/new-profile-page.tsx')),
      view('/settings/profiles/:name', () => import('../settings/profile-page.tsx')),
      { path: '*', Component: NotFound },
    ],
  },
];

/** The first view's script is on its way; it is there before anything worth looking at could be drawn. */
function Nothing() {
  return null;
}

export function newRouter() {
  return createBrowserRouter(routes);
}
