import { readdirSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { eventually } from '../test/support/eventually.ts';
import { KeepingLogger } from '../test/support/keeping-logger.ts';
import { describeWithS3, S3Server } from '../test/support/s3-server.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { openStores } from './stores.ts';

describeWithS3()('Stores with blobs in S3', () => {
  it('keep blobs there and the log in the state folder, and tell at the start whether the bucket can be used', async () => {
    await using s3 = await S3Server.start();
    await using folder = await temporaryFolder();
    const bucket = s3.newBucket();
    for (const [name, told] of [
      [bucket, 'info: the store of blobs can be used'],
      ['no-such-bucket', 'warn: the store of blobs cannot be used now'],
    ] as const) {
      await using stack = new AsyncDisposableStack();
      const logger = new KeepingLogger();
      const settings = { blobStore: 's3', s3: s3.place(name), stateFolder: folder.path, system: {} } as const;
      const { blobs } = await openStores({ settings, logger, metrics: new Registry(), stack });
      await eventually('the word about the bucket', () => logger.lines.includes(told));
      if (name === bucket) await blobs.put('a', Buffer.from('1'));
    }
    expect(readdirSync(s3.fileOf(bucket, 'agents/blobs'))).toEqual(['a']);
    expect(readdirSync(folder.path)).not.toContain('blobs');
    expect(readdirSync(folder.path)).toContain('events.db');
  });
});
