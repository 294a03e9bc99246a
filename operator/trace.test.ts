import { describe, expect, it } from '@jest/globals';
import { ownerFields } from './session-log.ts';
import { TRACE_ANNOTATION, traceIdOf, traceOf } from './trace.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const UID = '5f03f8fc-a0bb-4ab2-8871-7dff211a2777';

describe('the trace of a session', () => {
  it('is that of the request that made it', () => {
    const annotations = { [TRACE_ANNOTATION]: `00-${TRACE}-b7ad6b7169203331-01` };
    expect(traceOf({ uid: UID, annotations })).toBe(TRACE);
  });

  it('follows from the UID where no request brought one, and where what it brought is none', () => {
    const own = '5f03f8fca0bb4ab288717dff211a2777';
    expect(traceOf({ uid: UID })).toBe(own);
    expect(traceOf({ uid: UID, annotations: { [TRACE_ANNOTATION]: 'mine' } })).toBe(own);
  });

  it('is in every line about its sandbox', () => {
    const owner = { uid: UID, name: 's', namespace: 'ns' };
    expect(ownerFields({ ...owner, trace: TRACE })).toEqual({ session: 's', namespace: 'ns', uid: UID, trace: TRACE });
    expect(ownerFields(owner)).toEqual({ session: 's', namespace: 'ns', uid: UID });
  });

  it('is none where nothing can tell', () => {
    expect(traceOf({})).toBeUndefined();
    expect(traceOf({ uid: 'uid-of-a-test' })).toBeUndefined();
  });

  it.each([
    `ff-${TRACE}-b7ad6b7169203331-01`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-b7ad6b7169203331-01`,
    `00-${TRACE}-b7ad6b7169203331`,
    `00-${TRACE}-b7ad6b7169203331-01\n`,
  ])('is not taken from %j', (traceparent) => {
    expect(traceIdOf(traceparent)).toBeUndefined();
  });
});
