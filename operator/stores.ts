/** Event log and blobs as the settings say: in the state folder, or in Redis, which need not be reached for the start. */
import { Gauge, type Registry } from 'prom-client';
import type { BlobStore } from './engine/blob.ts';
import { FolderBlobStore } from './engine/folder-blobs.ts';
import type { EventLog } from './engine/log.ts';
import { RedisBlobStore } from './engine/redis-blobs.ts';
import { RedisEventLog } from './engine/redis-log.ts';
import { SqliteEventLog } from './engine/sqlite-log.ts';
import type { Logger } from './logger.ts';
import type { Settings } from './settings.ts';
import { StateFolder } from './state-folder.ts';

export type Stores = {
  log: EventLog;
  blobs: BlobStore;
};

type Options = {
  settings: Pick<Settings, 'redis' | 'blobStore' | 'stateFolder'>;
  logger: Logger;
  metrics: Registry;
  /** Closes them. */
  stack: AsyncDisposableStack;
};

/**
 * Opens both; what is kept in the state folder needs the folder.
 * @param folder the one that the process holds already; taken here, when it is needed, without one
 * @throws FolderError
 */
export async function openStores({ settings, logger, metrics, stack }: Options, folder?: StateFolder): Promise<Stores> {
  const { redis, blobStore } = settings;
  const state = () => {
    folder ??= stack.adopt(StateFolder.open(settings.stateFolder), (one) => one.close());
    return folder;
  };
  const options = redis && { address: redis.address, prefix: redis.keyPrefix, logger };
  const blobs =
    options && blobStore === 'redis'
      ? stack.adopt(await RedisBlobStore.open(options), (one) => one.close())
      : await FolderBlobStore.open(state().file('blobs'));
  if (!options) {
    const log = new SqliteEventLog({ path: state().file('events.db'), exclusive: true });
    return { log: stack.adopt(log, (one) => one.close()), blobs };
  }
  const log = stack.adopt(await RedisEventLog.open(options), (one) => one.close());
  new Gauge({
    name: 'swe_agent_event_log_risks',
    help: 'Settings of Redis that put events at risk; 0 as well while it was not reached.',
    registers: [metrics],
    collect() {
      this.set(log.findings.length);
    },
  });
  return { log, blobs };
}
