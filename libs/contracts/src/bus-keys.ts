import { createHmac, hkdfSync } from 'node:crypto';
import { REQUESTS } from './registry.ts';

/*
 * Keys with which the asking side signs a request on the bus. There is one key for each pair of services that ask and
 * answer, known to these two alone: the answering side can tell who asked, and nobody else can pretend to be them.
 * Each key comes from one root secret, which only whoever sets the services up holds.
 *
 * A service gets its keys as one text, `BUS_KEYS`: `<asker>><answerer>:<key id>:<key>`, separated by commas. Of two keys
 * of a pair the asker signs with the first and the answerer takes both: this is how keys rotate.
 */

export interface BusKey {
  readonly asker: string;
  readonly answerer: string;
  readonly id: string;
  /** 32 bytes, base64url. */
  readonly key: string;
}

const KEY_BYTES = 32;
/** Base64url of 32 bytes. */
const ENTRY = /^([a-z0-9-]{1,32})>([a-z0-9-]{1,32}):([A-Za-z0-9]{1,16}):([A-Za-z0-9_-]{43})$/;

/** The pairs of asking and answering services, from the contracts, each once. */
export const ASKING_PAIRS: readonly { readonly asker: string; readonly answerer: string }[] = [
  ...new Map(
    REQUESTS.flatMap(({ askedBy, answeredBy }) =>
      askedBy.map((asker) => [`${asker}>${answeredBy}`, { asker, answerer: answeredBy }] as const),
    ),
  ).values(),
];

/** The keys that one service holds: those of each pair that it is one of. `id` names this generation of keys. */
export function busKeysFor(service: string, rootSecret: string, id = '1'): string {
  return ASKING_PAIRS.filter(({ asker, answerer }) => asker === service || answerer === service)
    .map(({ asker, answerer }) => formatBusKey({ asker, answerer, id, key: derive(rootSecret, asker, answerer, id) }))
    .join(',');
}

/**
 * The keys of one operator, who may ask every service that answers operators, as nobody but this person. They are derived
 * from the services' own, so that a further person needs no change of any service.
 */
export function busKeysForOperator(person: string, rootSecret: string, id = '1'): string {
  return ASKING_PAIRS.filter(({ asker }) => asker === 'operator')
    .map(({ answerer }) => {
      const key = operatorKey(derive(rootSecret, 'operator', answerer, id), person);
      return formatBusKey({ asker: 'operator', answerer, id, key });
    })
    .join(',');
}

/** Derives the key of one person from the operators' key of a pair. */
export function operatorKey(pairKey: string, person: string): string {
  return createHmac('sha256', Buffer.from(pairKey, 'base64url')).update(`operator ${person}`).digest('base64url');
}

/** Reads `BUS_KEYS`. Throws with what is wrong, never with a key. */
export function parseBusKeys(text: string): BusKey[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
    .map((entry, index) => {
      const [, asker = '', answerer = '', id = '', key = ''] = ENTRY.exec(entry) ?? [];
      if (key === '')
        throw new Error(`entry ${index + 1} is not <asker>><answerer>:<key id>:<43 characters of base64url>`);
      return { asker, answerer, id, key };
    });
}

function formatBusKey({ asker, answerer, id, key }: BusKey): string {
  return `${asker}>${answerer}:${id}:${key}`;
}

function derive(rootSecret: string, asker: string, answerer: string, id: string): string {
  const info = `switchyard bus request key ${id} ${asker}>${answerer}`;
  return Buffer.from(hkdfSync('sha256', rootSecret, '', info, KEY_BYTES)).toString('base64url');
}
