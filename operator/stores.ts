/**
 * Event log and blobs as the settings say: in the state folder, in Redis, or blobs in an S3-compatible store. What is
 * elsewhere need not be reached for the start.
 */
import { Gauge, type Registry } from 'prom-client';
import type { BlobStore } from './engine/blob.ts';
import { FolderBlobStore } from './engine/folder-blobs.ts';
import type { EventLog } from './engine/log.ts';
import { RedisBlobStore } from './engine/redis-blobs.ts';
import { RedisEventLog } from './engine/redis-log.ts';
import type { S3Place } from './engine/s3-blobs.ts';
import { SqliteEventLog } from './engine/sqlite-log.ts';
import { describeError, type Logger } from './logger.ts';
import type { Settings } from './settings.ts';
import { StateFolder } from './state-folder.ts';

export type Stores = {
  log: EventLog;
  blobs: BlobStore;
};

type Options = {
  settings: Pick<Settings, 'redis' | 'blobStore' | 's3' | 'stateFolder' | 'system'>;
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
  const { redis, blobStore, s3, system } = settings;
  const state = () => {
    folder ??= stack.adopt(StateFolder.open(settings.stateFolder), (one) => one.close());
    return folder;
  };
  const options = redis && { address: redis.address, prefix: redis.keyPrefix, logger };
  const blobs = await openBlobs();
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

  async function openBlobs(): Promise<BlobStore> {
    if (s3) return stack.adopt(await openS3(s3, system, logger), (one) => one.close());
    if (options && blobStore === 'redis') return stack.adopt(await RedisBlobStore.open(options), (one) => one.close());
    return await FolderBlobStore.open(state().file('blobs'));
  }
}

/** Says what is wrong before the first session finds out. */
async function openS3(place: S3Place, proxyEnv: Settings['system'], logger: Logger) {
  const { S3BlobStore } = await import('./engine/s3-blobs.ts');
  const blobs = new S3BlobStore({ place, proxyEnv });
  blobs.check().then(
    () => logger.info('the store of blobs can be used', { store: blobs.where }),
    (error: unknown) => logger.warn('the store of blobs cannot be used now', { error: describeError(error) }),
  );
  return blobs;
}
