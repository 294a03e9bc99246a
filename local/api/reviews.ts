/** Questions about who one is and what one may: the only user may do everything. */

import { invalidObject } from './api-status.ts';
import type { ReviewResource } from './discovery.ts';
import { isObject, type JsonObject } from './json.ts';
import type { Expected } from './request-body.ts';

export const reviewResources: readonly ReviewResource[] = [
  { group: 'authentication.k8s.io', version: 'v1', plural: 'selfsubjectreviews', kind: 'SelfSubjectReview' },
  { group: 'authentication.k8s.io', version: 'v1', plural: 'tokenreviews', kind: 'TokenReview' },
  { group: 'authorization.k8s.io', version: 'v1', plural: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' },
  { group: 'authorization.k8s.io', version: 'v1', plural: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview' },
  { group: 'authorization.k8s.io', version: 'v1', plural: 'subjectaccessreviews', kind: 'SubjectAccessReview' },
];

/** kubectl asks about itself in protobuf, of which nothing is read: what it asks does not matter to the answer. */
export function expectedReview({ kind }: ReviewResource): Expected {
  return { kind, ...(kind.startsWith('Self') && { protobuf: {} }) };
}

const groups = ['system:masters', 'system:authenticated'];

/** The review with its answer. `isToken` tells whether a text is the token of the only user. */
export function answerReview(
  review: ReviewResource,
  body: unknown,
  user: string,
  isToken: (text: string) => boolean,
): JsonObject {
  const spec = isObject(body) && isObject(body.spec) ? body.spec : {};
  const userInfo = { username: user, groups };
  const answer = (status: JsonObject): JsonObject => ({
    kind: review.kind,
    apiVersion: `${review.group}/${review.version}`,
    metadata: {},
    ...(review.kind !== 'SelfSubjectReview' && { spec }),
    status,
  });
  switch (review.kind) {
    case 'SelfSubjectReview':
      return answer({ userInfo });
    case 'TokenReview': {
      const known = typeof spec.token === 'string' && isToken(spec.token);
      return {
        ...answer(known ? { authenticated: true, user: userInfo } : { user: {}, error: 'invalid bearer token' }),
        spec: {},
      };
    }
    case 'SelfSubjectRulesReview':
      return answer({
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        incomplete: false,
      });
    case 'SubjectAccessReview':
      checkAttributes(review, spec);
      return answer({ allowed: spec.user === user });
    default:
      return answer({ allowed: true });
  }
}

/** What is asked about has to be named. (One's own reviews come in protobuf, of which nothing is read.) */
function checkAttributes({ group, version }: ReviewResource, spec: JsonObject): void {
  if (isObject(spec.resourceAttributes) !== isObject(spec.nonResourceAttributes)) return;
  throw invalidObject({ group, version, plural: '', kind: '', namespaced: false }, '', [
    {
      type: 'invalid',
      field: 'spec.resourceAttributes',
      value: null,
      detail: 'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    },
  ]);
}
