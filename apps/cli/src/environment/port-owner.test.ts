import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { commandText, listeningAddresses, listeningInodes, listeningOf, portOwner } from './port-owner.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0
   1: 0100007F:1F40 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000 20 4 30 10 -1
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000 100 0 0 10 0`;

describe('listeningInodes', () => {
  it('finds who listens, not who is connected', () => {
    expect(listeningInodes(TABLE, 8000)).toEqual(['4711']);
    expect(listeningInodes(TABLE, 80)).toEqual(['4713']);
    expect(listeningInodes(TABLE, 8001)).toEqual([]);
    expect(listeningInodes('', 8000)).toEqual([]);
  });
});

describe('where a process listens', () => {
  it('is told by its sockets that listen, not by those that are connected', () => {
    expect(listeningAddresses(TABLE, new Set(['4711', '4712']))).toEqual(['127.0.0.1:8000']);
    expect(listeningAddresses(TABLE, new Set(['4713']))).toEqual(['0.0.0.0:80']);
    expect(listeningAddresses(TABLE, new Set(['9']))).toEqual([]);
  });

  it('is found for a process that lives', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const found = listeningOf(process.pid);
    server.close();
    if (process.platform === 'linux') expect(found).toContain(`127.0.0.1:${port}`);
  });
});

describe('portOwner', () => {
  it('names the process that listens', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const owner = portOwner(port);
    server.close();
    if (process.platform === 'linux')
      expect(owner).toMatchObject({ pid: process.pid, command: expect.stringContaining('jest') });
  });

  it('shows a command as one short line', () => {
    expect(commandText('python3\0-m\0http.server\x008000\0')).toBe('python3 -m http.server 8000');
    expect(commandText('x'.repeat(300)).length).toBeLessThan(130);
  });
});
