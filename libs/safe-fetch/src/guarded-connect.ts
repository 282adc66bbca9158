import { lookup as dnsLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { Blocked } from './failure.ts';

export const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Connects through the guard: every address that the name resolves to is judged, the address that was judged is
 * the one that is connected (so a second answer of the name server changes nothing), and the peer is judged
 * again once it is there.
 */
export function guardedConnect(
  isAllowed: (address: string) => boolean,
  lookup: LookupFunction = dnsLookup as LookupFunction,
): buildConnector.connector {
  const guardedLookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, answer) => {
      if (error) return callback(error, '', 4);
      const addresses = Array.isArray(answer) ? answer : [];
      const [first] = addresses;
      // One private address among public ones is how a guard is tricked: all or nothing.
      if (first === undefined || !addresses.every(({ address }) => isAllowed(address)))
        return callback(new Blocked(), '', 4);
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: guardedLookup });
  return (options, callback) => {
    connect(options, (error, socket) => {
      if (error) return callback(error, null);
      if (isAllowed(socket.remoteAddress ?? '')) return callback(null, socket);
      socket.destroy();
      callback(new Blocked(), null);
    });
  };
}
