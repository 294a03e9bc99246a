/** The kernel's own table is read in peers.test.ts; here one that is longer than what is read at a time. */
import { writeFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { findTcpSocket } from './tcp-table.ts';

const HERE = endianness() === 'LE' ? '0100007F' : '7F000001';
const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
const SERVER = { address: '127.0.0.1', port: 8000 };

it('finds every socket of a long table, and none that is not in it', async () => {
  await using folder = await temporaryFolder();
  const tables = { v4: join(folder.path, 'tcp'), v6: join(folder.path, 'absent') };
  const ports = Array.from({ length: 3000 }, (_, index) => 10_000 + index);
  const lines = ports.map(
    (port, index) =>
      `${String(index).padStart(4)}: ${HERE}:${hex(port)} ${HERE}:${hex(SERVER.port)} 01 00000000:00000000 00:00000000 00000000  ${index % 7 === 0 ? 52_000 : 0}        0 ${900_000 + index} 1 0000000000000000 20 4 30 10 -1`,
  );
  writeFileSync(tables.v4, `  sl  local_address rem_address\n${lines.join('\n')}\n`);
  const found = ports.map((port) => findTcpSocket({ address: '127.0.0.1', port }, SERVER, tables));
  expect(found).toEqual(ports.map((_, index) => ({ uid: index % 7 === 0 ? 52_000 : 0, inode: String(900_000 + index) })));
  expect(findTcpSocket({ address: '127.0.0.1', port: 9999 }, SERVER, tables)).toBeUndefined();
  expect(findTcpSocket(SERVER, { address: '127.0.0.1', port: 10_000 }, tables)).toBeUndefined();
});
