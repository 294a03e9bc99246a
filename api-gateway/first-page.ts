/** What somebody sees who opens the address: how to begin. Text for a terminal, a plain page for a browser. */
import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import type { GatewayAuth } from './http/auth.ts';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:3rem auto;padding:0 1rem}pre{overflow:auto;padding:1rem;background:#8882;border-radius:.4rem}:root{color-scheme:light dark}';
const STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

export function sendFirstPage(request: Request, response: Response, auth: GatewayAuth['mode']): void {
  const text = guide(`http://${request.headers.host ?? 'localhost'}`, auth);
  response.vary('Accept');
  if (request.accepts(['text/plain', 'text/html']) !== 'text/html') {
    response.type('text/plain; charset=utf-8').send(text);
    return;
  }
  response
    .set(
      'Content-Security-Policy',
      `default-src 'none'; style-src ${STYLE_HASH}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
    )
    .type('text/html; charset=utf-8')
    .send(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>SWE Agent</title><style>${STYLE}</style><h1>SWE Agent</h1><pre>${escapeHtml(text)}</pre><p><a href="/agent/sessions">Sessions</a> · <a href="/openapi.json">OpenAPI</a> · <a href="/readyz">Readiness</a></p></html>`,
    );
}

function guide(origin: string, auth: GatewayAuth['mode']): string {
  const variables = { none: undefined, token: 'API_TOKEN', kubernetes: 'KUBE_TOKEN' };
  const variable = variables[auth];
  const token = variable ? ` -H "Authorization: Bearer $${variable}"` : '';
  return `SWE Agent: a goal and a git repository in, a reviewed branch with evidence out.

Start a session:
  curl -X POST ${origin}/agent/sessions${token} -H 'Content-Type: application/json' \\
    -d '{"goal": "Fix the failing test", "repo_url": "https://github.com/you/repo.git"}'

See how far it is:
  curl ${origin}/agent/sessions/<session_id>${token}

Watch it live:
  curl -N ${origin}/agent/sessions/<session_id>/events${token}

With "mode": "review" it plans first and waits for you:
  curl -X POST ${origin}/agent/sessions/<session_id>/approve${token}

Tell it something while it works:
  curl -X POST ${origin}/agent/sessions/<session_id>/input${token} -H 'Content-Type: application/json' \\
    -d '{"message": "Please also update the README."}'

Take the result:
  curl ${origin}/agent/sessions/<session_id>/diff${token}

Everything else: ${origin}/openapi.json
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
