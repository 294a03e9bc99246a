/** What a session left behind: the patch and the bundle of its branch, and what was too large for an event. */
import type { Response } from 'express';
import type { BlobRef, BlobStore } from '../operator/engine/blob.ts';
import { Problem } from './http/problem.ts';
import type { Picture } from './picture.ts';

type Published = { patch: BlobRef; bundle: BlobRef; branch: string };

export async function sendDiff(blobs: BlobStore, picture: Picture, response: Response, signal: AbortSignal): Promise<void> {
  const { patch } = publishedOf(picture);
  const bytes = await blobs.get(uidOf(picture), patch, signal);
  response.type('text/x-diff; charset=utf-8').send(Buffer.from(bytes));
}

export async function sendBundle(blobs: BlobStore, picture: Picture, response: Response, signal: AbortSignal): Promise<void> {
  const { bundle } = publishedOf(picture);
  const bytes = await blobs.get(uidOf(picture), bundle, signal);
  response
    .type('application/x-git-bundle')
    .set('Content-Disposition', `attachment; filename="${picture.session.metadata.name}.bundle"`)
    .send(Buffer.from(bytes));
}

export async function sendBlob(
  blobs: BlobStore,
  uid: string,
  name: string,
  response: Response,
  signal: AbortSignal,
): Promise<void> {
  if (!/^sha256-[0-9a-f]{64}$/.test(name)) {
    throw new Problem(
      404,
      'no-such-blob',
      'A blob is named as in the event that refers to it: sha256- and 64 hexadecimal digits.',
    );
  }
  const bytes = Buffer.from(await blobs.get(uid, { blob: name, bytes: 0 }, signal));
  response
    .type(isText(bytes) ? 'text/plain; charset=utf-8' : 'application/octet-stream')
    // The name says what is in it, so it never changes; who is next at this browser asks again.
    .vary('Authorization')
    .vary('Cookie')
    .set('Cache-Control', 'private, max-age=31536000, immutable')
    .send(bytes);
}

function publishedOf({ state, status }: Picture): Published {
  if (state?.published) return state.published;
  if (!state)
    throw new Problem(503, 'unavailable', 'The event log cannot be read now. Try again.', { headers: { 'Retry-After': '2' } });
  const finished = status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED';
  const why = finished
    ? 'The session ended without a result.'
    : `The session is ${status}; its result is there when it is COMPLETED.`;
  throw new Problem(404, 'not-there-yet', why);
}

function uidOf({ session }: Picture): string {
  return session.metadata.uid ?? '';
}

function isText(bytes: Buffer): boolean {
  if (bytes.includes(0)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
