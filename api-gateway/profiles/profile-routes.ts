/** The routes below /agent/profiles. */
import type { Request } from 'express';
import { bodyOf, only } from '../http/body.ts';
import { type Caller, lease, type Right } from '../http/caller.ts';
import type { OpenStreams } from '../http/open-streams.ts';
import { type FieldError, invalid, Problem } from '../http/problem.ts';
import { param, type RouteTable } from '../http/routes.ts';
import { sendList, tokenOf, wantsWatch } from '../live/send-list.ts';
import type { ProfileLists } from './profile-lists.ts';
import { keyRequest, profileRequest } from './profile-request.ts';
import { Profiles } from './profiles.ts';

export type ProfileDoor = {
  /** Who sent a request, and with which rights. */
  callerOf: (request: Request) => Caller;
  namespace: string;
  now: () => number;
  lists: ProfileLists;
  streams: OpenStreams;
  /** Aborts when the gateway closes. */
  closing: AbortSignal;
};

const BASE = '/agent/profiles';
const TO_WATCH: Right = { verb: 'watch', resource: 'aiprofiles' };

export function profileRoutes({ callerOf, namespace, now, lists, streams, closing }: ProfileDoor): RouteTable {
  const profilesOf = (request: Request) => new Profiles(callerOf(request), namespace, now);
  return {
    [BASE]: {
      async get(request, response, signal) {
        const errors: FieldError[] = Object.keys(request.query)
          .filter((name) => name !== 'watch')
          .map((field) => ({ field, message: 'is not a parameter here; possible is watch' }));
        const watch = wantsWatch(request, errors);
        if (errors.length > 0) throw invalid(errors);
        if (!watch) {
          response.json({ items: await profilesOf(request).list(signal) });
          return;
        }
        const caller = callerOf(request);
        const token = tokenOf(request);
        await caller.demand({ right: TO_WATCH }, signal);
        streams.open(caller, response);
        using allowed = lease(caller, { right: TO_WATCH }, closing);
        const read = (until: AbortSignal) => lists.read(caller, token, until);
        await sendList('profile', read, request, response, allowed.signal);
      },
      async post(request, response, signal) {
        const profile = await profilesOf(request).create(profileRequest(bodyOf(request), 'create'), signal);
        response.status(201).location(`${BASE}/${profile.name}`).json(profile);
      },
    },
    [`${BASE}/:name`]: {
      async get(request, response, signal) {
        response.json(await profilesOf(request).show(nameOf(request), signal));
      },
      async patch(request, response, signal) {
        const change = profileRequest(bodyOf(request), 'change');
        response.json(await profilesOf(request).change(nameOf(request), change, signal));
      },
      async delete(request, response, signal) {
        response.json(await profilesOf(request).remove(nameOf(request), signal));
      },
    },
    [`${BASE}/:name/key`]: {
      async put(request, response, signal) {
        await profilesOf(request).setKey(nameOf(request), keyRequest(bodyOf(request)), signal);
        response.status(204).end();
      },
    },
    [`${BASE}/:name/test`]: {
      async post(request, response, signal) {
        only(bodyOf(request), []);
        response.status(202).json(await profilesOf(request).test(nameOf(request), signal));
      },
    },
  };
}

/** @throws Problem 400 for what can be no name */
function nameOf(request: Request): string {
  const name = param(request, 'name');
  if (name.length <= 253 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) return name;
  throw new Problem(400, 'malformed-id', 'A name has at most 253 lower-case letters, digits, "-" and ".", such as my-gpt-4.');
}
