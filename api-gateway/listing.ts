/** Lists of sessions: a page of the API's own list, by status where one is named. */
import type { Request } from 'express';
import { type AgentSession, RESOURCES } from '../operator/api/resources.ts';
import type { Noun } from '../operator/engine/log-lines.ts';
import { KubeError, type KubeList, type ListOptions } from '../operator/kube/client.ts';
import { type FieldError, invalid } from './http/problem.ts';
import { REST_STATUSES, type RestStatus, STATUSES } from './picture.ts';
import { DOOR_LABEL } from './session-request.ts';
import { itemOf } from './session-view.ts';
import type { Sessions } from './sessions.ts';

const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 100;

/** Selects the sessions that may still need a model. */
export const UNFINISHED = ['Completed', 'Failed', 'Cancelled'].map((phase) => `status.phase!=${phase}`).join(',');

/** Newest first within the page. */
export async function listSessions(sessions: Sessions, request: Request, noun: Noun, signal: AbortSignal) {
  const list = await page(sessions, optionsOf(request, sessions.namespace, noun), signal);
  const items = list.items.map(itemOf);
  items.sort((a, b) => (b.created_at ?? '').localeCompare(a.created_at ?? '') || a.id.localeCompare(b.id));
  return { items, continue: list.continue ?? null };
}

async function page(sessions: Sessions, options: ListOptions, signal: AbortSignal): Promise<KubeList<AgentSession>> {
  try {
    return await sessions.kube.list<AgentSession>(RESOURCES.sessions, options, signal);
  } catch (error) {
    const about = error instanceof KubeError && (error.code === 410 || error.code === 400) && options.continue !== undefined;
    if (!about) throw error;
    throw invalid([{ field: 'continue', message: 'is no place in the list, or not any more; begin again without it' }]);
  }
}

function optionsOf(request: Request, namespace: string, noun: Noun): ListOptions {
  const errors: FieldError[] = [];
  const { status, limit, continue: from, watch: _watch, ...others } = request.query;
  for (const field of Object.keys(others)) {
    errors.push({ field, message: 'is not a parameter here; possible are status, limit, continue and watch' });
  }
  const options: ListOptions = { namespace, limit: DEFAULT_LIMIT };
  if (noun === 'task') options.labelSelector = `${DOOR_LABEL}=tasks`;
  if (limit !== undefined) {
    const count = typeof limit === 'string' && /^\d{1,6}$/.test(limit) ? Number(limit) : 0;
    if (count < 1 || count > MAX_LIMIT) errors.push({ field: 'limit', message: `must be a number from 1 to ${MAX_LIMIT}` });
    options.limit = count;
  }
  if (from !== undefined) {
    if (typeof from === 'string' && from !== '') options.continue = from;
    else errors.push({ field: 'continue', message: 'must be what the page before said' });
  }
  if (status !== undefined) {
    const wanted = typeof status === 'string' ? status.toUpperCase() : '';
    if (isStatus(wanted)) options.fieldSelector = selectorOf(wanted);
    else errors.push({ field: 'status', message: `must be one of ${STATUSES.join(', ')}` });
  }
  if (errors.length > 0) throw invalid(errors);
  return options;
}

function isStatus(text: string): text is RestStatus {
  return STATUSES.some((one) => one === text);
}

/** Phases are excluded, not chosen: selectors know no "or", and an object that nobody has looked at yet has no phase. */
function selectorOf(status: RestStatus): string {
  const phases = Object.entries(REST_STATUSES);
  const others: string[] = phases.filter(([, one]) => one !== status).map(([phase]) => phase);
  if (status !== REST_STATUSES.Queued) others.push('');
  return others.map((phase) => `status.phase!=${phase}`).join(',');
}
