import { AppError } from '@switchyard/contracts';
import { z } from 'zod';
import { hostAndPort } from './address-guard.ts';

/** host or host:port -> JID of the agent that serves it over XMPP. */
export type ServiceMap = ReadonlyMap<string, string>;

const MAX_ENTRIES = 1_000;
const Entries = z.record(
  z.string().min(1).max(300),
  z
    .string()
    .regex(/^[^\s@/]+@[^\s@/]+(\/\S*)?$/, 'expected a JID such as agent@example.org')
    .max(3_071),
);

/** Parses SERVICE_MAP. Empty text is an empty map. Throws `invalid_input` saying where it is wrong. */
export function parseServiceMap(text: string): ServiceMap {
  if (text.trim() === '') return new Map();
  const entries = Entries.safeParse(parseJson(text));
  if (!entries.success) {
    const issue = entries.error.issues[0];
    throw new AppError(
      'invalid_input',
      `SERVICE_MAP: ${issue?.path.join('.') || 'top level'}: ${issue?.message ?? 'wrong shape'} (nothing was loaded).`,
    );
  }
  const pairs = Object.entries(entries.data);
  if (pairs.length > MAX_ENTRIES)
    throw new AppError('invalid_input', `SERVICE_MAP has more than ${MAX_ENTRIES} entries.`);
  return new Map(pairs.map(([host, jid]) => [host.toLowerCase(), jid]));
}

/** The JID that serves this URL: host:port first, then host. */
export function mappedJid(map: ServiceMap, url: URL): string | undefined {
  return map.get(hostAndPort(url)) ?? map.get(url.hostname);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    throw new AppError(
      'invalid_input',
      `SERVICE_MAP is not valid JSON${position === undefined ? '' : ` at character ${position}`} (nothing was loaded).`,
      { cause: error },
    );
  }
}
