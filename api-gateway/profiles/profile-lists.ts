/** Profiles as a live list: `?watch=true`. Readers with the same rights share what is watched, for as long as there are any. */
import { randomUUID } from 'node:crypto';
import type { Logger } from '../../operator/logger.ts';
import type { Caller } from '../http/caller.ts';
import { LiveList } from '../live/live-list.ts';
import type { Piece } from '../live/pieces.ts';
import { profileChanges, type ShownProfile } from './profile-changes.ts';

export class ProfileLists {
  readonly #options: { namespace: string; logger: Logger; closing: AbortSignal };
  /** By the rights of its readers. */
  readonly #lists = new Map<string, LiveList<ShownProfile>>();

  constructor(options: { namespace: string; logger: Logger; closing: AbortSignal }) {
    this.#options = options;
  }

  /**
   * What there is and what changes, for as long as it is read.
   * @param token of the last piece that is known
   * @throws KubeError when the caller may not list profiles, and the signal's reason
   */
  read({ rights, kube }: Caller, token: string | undefined, signal: AbortSignal): AsyncIterable<Piece> {
    const { namespace, logger, closing } = this.#options;
    let list = this.#lists.get(rights);
    if (!list) {
      list = new LiveList({
        open: (within) => profileChanges({ client: kube, namespace }, within),
        text: ({ text }) => text,
        logger,
        closing,
        epoch: () => randomUUID().slice(0, 8),
        unread: () => this.#lists.delete(rights),
      });
      this.#lists.set(rights, list);
    }
    return list.read(token, () => true, signal);
  }
}
