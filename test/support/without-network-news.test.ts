import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { temporaryFolder } from './temporary-folder.ts';
import { withoutNetworkNews } from './without-network-news.ts';

const ASKS = "try { require('os').networkInterfaces(); console.log('heard') } catch { console.log('heard nothing') }";

describe('a program that is started without news of the network', () => {
  it('is told of no interface, but has its arguments, its streams and its exit code', async () => {
    await using folder = await temporaryFolder();
    const started = withoutNetworkNews(process.execPath, folder.path);
    const heard = spawnSync(started, ['-e', ASKS], { encoding: 'utf8' });
    if (started === process.execPath) {
      console.warn('nothing is kept from programs here: bubblewrap does not work');
      expect(heard.stdout).toBe('heard\n');
      return;
    }
    expect(heard.stdout).toBe('heard nothing\n');
    const { stdout, status } = spawnSync(
      started,
      ['-p', '[require("fs").readFileSync(0, "utf8"), process.argv[1]]', 'an argument'],
      {
        encoding: 'utf8',
        input: 'some text',
      },
    );
    expect(stdout).toBe("[ 'some text', 'an argument' ]\n");
    expect(spawnSync(started, ['-e', 'process.exit(7)']).status).toBe(7);
    expect(status).toBe(0);
  });
});
