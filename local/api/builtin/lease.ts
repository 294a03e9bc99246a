/** Leases. */
import { RESOURCES } from '../../../operator/api/resources.ts';
import { type FieldError, invalid } from '../field-error.ts';
import { type ApiObject, isObject, type JsonObject } from '../json.ts';
import { ageColumn, allVerbs, type Kind, objectSchema } from '../kind.ts';

export const leaseKind: Kind = {
  resource: RESOURCES.leases,
  singular: 'lease',
  shortNames: [],
  categories: [],
  verbs: allVerbs,
  schema: objectSchema('Lease says who holds something, and until when.', {
    spec: {
      type: 'object',
      description: 'The lease.',
      properties: {
        holderIdentity: { type: 'string', description: 'Who holds the lease.' },
        leaseDurationSeconds: { type: 'integer', format: 'int32', description: 'How long after renewTime others have to wait.' },
        acquireTime: { type: 'string', format: 'micro-time', description: 'When the holder took the lease.' },
        renewTime: { type: 'string', format: 'micro-time', description: 'When the holder last renewed it.' },
        leaseTransitions: { type: 'integer', format: 'int32', description: 'How often the holder changed.' },
        strategy: { type: 'string', description: 'How a leader is chosen in coordinated election.' },
        preferredHolder: { type: 'string', description: 'Who should take the lease next.' },
      },
    },
  }),
  custom: false,
  status: false,
  columns: [
    {
      name: 'Holder',
      type: 'string',
      description: 'Who holds the lease.',
      cell: (object) => specOf(object).holderIdentity ?? '',
    },
    ageColumn,
  ],
  fields: {},
  nameRule: 'subdomain',
  unconditionalUpdate: false,
  bucket: 'leases.coordination.k8s.io',
  check: (object) => {
    const { leaseDurationSeconds: duration, leaseTransitions: transitions } = specOf(object);
    const errors: FieldError[] = [];
    if (typeof duration === 'number' && duration <= 0) {
      errors.push(invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
    }
    if (typeof transitions === 'number' && transitions < 0) {
      errors.push(invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
    }
    return errors;
  },
};

function specOf(object: ApiObject): JsonObject {
  return isObject(object.spec) ? object.spec : {};
}
