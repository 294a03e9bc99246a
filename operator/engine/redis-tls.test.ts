import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeAll, expect, it } from '@jest/globals';
import { privateAuthority } from '../../test/support/certificate.ts';
import { eventually } from '../../test/support/eventually.ts';
import { following, lines, RedisLogs, range, refusal, textOf } from '../../test/support/redis-logs.ts';
import { type RedisCertificate, RedisServer } from '../../test/support/redis-server.ts';
import { describeWithRedisTls } from '../../test/support/requirements.ts';
import { type RedisAddress, redisAddress } from './redis/address.ts';

const root = join(import.meta.dirname, '../..');

describeWithRedisTls()('The event log in a Redis that speaks TLS', () => {
  let certificates: Awaited<ReturnType<typeof privateAuthority>>;
  const logs = new RedisLogs();
  const trusted = getCACertificates('default');
  beforeAll(async () => {
    certificates = await privateAuthority();
  });
  afterEach(async () => {
    setDefaultCACertificates(trusted);
    await logs.clear();
  });

  async function serving(certificate: RedisCertificate): Promise<RedisServer> {
    return logs.adopt(await RedisServer.start({ requirepass: 'secret-word' }, certificate));
  }

  /** As it is written in REDIS_URL. */
  function addressOf(redis: RedisServer, change: (url: string) => string = (url) => url): RedisAddress {
    return redisAddress(change(redis.url({ credentials: ':secret-word' })));
  }

  /** Waits until the log says that it cannot be reached for that reason. */
  async function refused(address: RedisAddress, reason: RegExp): Promise<void> {
    const log = await logs.openUnreached({ address });
    await eventually(String(reason), async () => reason.test(await refusal(log.claim('a', 'one'))));
  }

  it('goes on after Redis was killed and started again, with nothing lost or doubled', async () => {
    const redis = await serving(certificates.loopback);
    setDefaultCACertificates([...trusted, certificates.authority]);
    for (const host of ['127.0.0.1', 'localhost']) {
      const log = await logs.open({ address: addressOf(redis, (url) => url.replace('127.0.0.1', host)) });
      const { epoch } = await log.claim('a', 'one');
      const follower = following(log, 'a');
      for (const last of range(0, 4)) await log.append('a', epoch, last, lines(`${last + 1}`));
      await redis.kill();
      await redis.restart();
      await eventually('the next append', () => log.append('a', epoch, 5, lines('6')));
      await eventually('the follower', () => follower.seen.length >= 6);
      expect(follower.seen).toEqual(range(1, 6));
      expect((await log.read('a', 0)).map(textOf)).toEqual(range(1, 6).map(String));
      await follower.end();
    }
  });

  it('is refused where the machine does not trust the authority, or the certificate is for another host', async () => {
    const redis = await serving(certificates.loopback);
    await refused(addressOf(redis), /cannot be reached \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)/);
    const elsewhere = await serving(certificates.elsewhere);
    setDefaultCACertificates([...trusted, certificates.authority]);
    await refused(addressOf(elsewhere), /cannot be reached \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
  });

  it('cannot be reached where REDIS_URL says redis:// in place of rediss://', async () => {
    const redis = await serving(certificates.loopback);
    await refused(
      addressOf(redis, (url) => url.replace('rediss:', 'redis:')),
      /cannot be reached \((?!UNABLE|ERR_TLS)/,
    );
  });

  it('trusts the authority that NODE_EXTRA_CA_CERTS names', async () => {
    const redis = await serving(certificates.loopback);
    const folder = mkdtempSync(join(tmpdir(), 'swe-ca-'));
    logs.adopt({ [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }) });
    const authority = join(folder, 'ca.pem');
    writeFileSync(authority, certificates.authority);
    const script = join(root, 'test/support/redis-log-writer.ts');
    const writer = spawn(process.execPath, [script, redis.url({ credentials: ':secret-word' }), 'a', 'over-tls'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: authority },
    });
    const ended = once(writer, 'exit');
    let acknowledged = 0;
    try {
      for await (const line of createInterface(writer.stdout)) {
        acknowledged = Number(line);
        if (acknowledged >= 10) break;
      }
    } finally {
      writer.kill('SIGKILL');
      await ended;
    }
    expect(acknowledged).toBeGreaterThanOrEqual(10);
    expect(await redis.admin.llen('over-tls:{a}:events')).toBeGreaterThanOrEqual(acknowledged);
  });
});
