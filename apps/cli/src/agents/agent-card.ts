import { readFileSync } from 'node:fs';
import {
  type Card,
  type CardVerdict,
  checkCard,
  keySourceOf,
  leadsToAllowed,
  type PublicKey,
  publicKeysOf,
  readCard,
} from '@switchyard/agent-card';
import { AppError } from '@switchyard/contracts';
import { createSafeFetch, SERVICE_MAP_VARIABLES, serviceMapOf } from '@switchyard/safe-fetch';
import { z } from 'zod';
import { textOption } from '../command-line/arguments.ts';
import type { VerbContext } from '../command-line/verb.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

const CARD_PATH = '/.well-known/agent-card.json';
const LIMITS = { timeoutMs: 10_000, maxResponseBytes: 256 * 1024 };

/** One line of the report. */
interface CardLine {
  readonly status: 'ok' | 'warn' | 'fail';
  readonly sentence: string;
}

export interface CardReport {
  readonly url: string;
  readonly verified: boolean;
  readonly kid: string | undefined;
  readonly lines: readonly CardLine[];
}

/** Reads a JSON document. Throws AppError. */
type ReadJson = (url: string) => Promise<unknown>;

/**
 * `agents card URL [--verify]`: the card of any agent, or what each check of it finds.
 * - The address is the person's own, so it may be on a private network. Nothing else that the card names is read, but
 *   its keys at the card's own host.
 */
export async function card(context: VerbContext, address: string): Promise<number> {
  const { values, print } = context;
  const url = cardUrlOf(address);
  const raw = await readCardAt(url, context);
  if (values['verify'] !== true) {
    print(JSON.stringify(raw, null, 2));
    return EXIT.ok;
  }
  const report = await verifyCard(raw, url, {
    readJson: reader(url, context),
    pinned: pinnedKeys(textOption(values, 'key')),
    nowMs: Date.now(),
  });
  if (values['json'] === true) print(JSON.stringify(report, null, 2));
  else for (const line of reportLines(report, context.paint)) print(line);
  return report.verified ? EXIT.ok : EXIT.failed;
}

/** Makes every check of a card. `pinned`: keys that the person trusts; without them those of the card's own host. */
export async function verifyCard(
  raw: unknown,
  url: string,
  { readJson, pinned, nowMs }: { readJson: ReadJson; pinned: readonly PublicKey[] | undefined; nowMs: number },
): Promise<CardReport> {
  const read = readCard(raw);
  if (!read) {
    const sentence =
      'The answer is no A2A 1.0 card: a name and supportedInterfaces are missing, or it is nested too deep.';
    return { url, verified: false, kid: undefined, lines: [{ status: 'fail', sentence }] };
  }
  const named = `It is a card of "${plain(read.name)}", version ${plain(read.version) || '(none)'}.`;
  const source = pinned
    ? {
        keys: pinned,
        lines: [
          {
            status: 'ok' as const,
            sentence: `The keys are pinned: ${pinned.map(({ kid }) => kid).join(', ') || 'none'}.`,
          },
        ],
      }
    : await publishedKeys(read, url, readJson);
  const verdict: CardVerdict = await checkCard(read, { keys: source.keys, nowMs });
  const lines = [
    { status: 'ok' as const, sentence: named },
    ...interfaceLines(read, url),
    ...source.lines,
    ...verdict.checks,
  ];
  return { url, verified: verdict.verified && lines.every(({ status }) => status !== 'fail'), kid: verdict.kid, lines };
}

function interfaceLines(read: Card, url: string): CardLine[] {
  if (read.supportedInterfaces.length === 0) return [{ status: 'fail', sentence: 'The card offers no interface.' }];
  return read.supportedInterfaces.slice(0, 20).map(({ url: at, protocolBinding, protocolVersion }) => {
    const what = `${plain(protocolBinding)} ${plain(protocolVersion)} at ${plain(at)}`;
    return leadsToAllowed(at, url, [])
      ? { status: 'ok', sentence: `${what} is at the card's own origin.` }
      : {
          status: 'warn',
          sentence: `${what} is at another origin; a2a calls it only where EGRESS_ALLOW_HOSTS names its host.`,
        };
  });
}

async function publishedKeys(
  read: Card,
  url: string,
  readJson: ReadJson,
): Promise<{ keys: PublicKey[]; lines: CardLine[] }> {
  const { addresses, foreign } = keySourceOf(read, url, []);
  const lines: CardLine[] = foreign.map((at) => ({
    status: 'warn',
    sentence: `The card names keys at ${plain(at)}, which is not its own host; they are not read. Pin them: --key FILE.`,
  }));
  const keys: PublicKey[] = [];
  for (const at of addresses) {
    try {
      const found = publicKeysOf(await readJson(at));
      if (!found) throw new AppError('upstream_failed', 'it is no JWKS document.');
      keys.push(...found);
      lines.push({
        status: 'ok',
        sentence: `${at} publishes ${found.length === 1 ? 'one key' : `${found.length} keys`}.`,
      });
    } catch (error) {
      lines.push({ status: 'warn', sentence: `No keys are read from ${at}: ${sentenceOf(error)}` });
    }
  }
  return { keys, lines };
}

function reportLines({ url, verified, kid, lines }: CardReport, paint: VerbContext['paint']): string[] {
  const marks = { ok: paint('good', 'ok  '), warn: paint('plan', 'warn'), fail: paint('bad', 'fail') };
  const end = verified
    ? `The card is verified: key "${kid ?? ''}" signed it.`
    : 'The card is not verified: do not trust it where `trust: signed` is asked for.';
  return [url, ...lines.map(({ status, sentence }) => `  ${marks[status]}  ${sentence}`), end];
}

/** `https://agent.example` -> its card; an address of a JSON document is the card's own. */
export function cardUrlOf(address: string): string {
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address))
    throw new UserError(`"${address}" is no address; give one that begins with https://.`, EXIT.usage);
  return /\.json$/i.test(new URL(address).pathname) ? address : address.replace(/\/+$/, '') + CARD_PATH;
}

function pinnedKeys(file: string | undefined): PublicKey[] | undefined {
  if (file === undefined) return undefined;
  try {
    const document: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const keys = publicKeysOf(typeof document === 'object' && document && 'kty' in document ? [document] : document);
    if (keys && keys.length > 0) return keys;
  } catch (error) {
    throw new UserError(`The file of --key cannot be read: ${(error as Error).message}`, EXIT.usage);
  }
  throw new UserError('The file of --key holds no public key with a kid: give a JWK or a JWKS document.', EXIT.usage);
}

/** The way out for an address that the person gave: that host alone may be private, and no redirect is followed. */
export function outwardFetch(url: string, { environment }: Pick<VerbContext, 'environment'>): typeof fetch {
  const { hostname, port, protocol } = new URL(url);
  const overXmpp = 'SERVICE_MAP sends this host over XMPP; ask the running stack: ./switchyard doctor --only a2a.';
  return createSafeFetch({
    ...LIMITS,
    allowHosts: [`${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`],
    serviceMap: mapOf(environment),
    overXmpp: () => Promise.reject(new AppError('unavailable', overXmpp)),
  });
}

/** The card at this address. Throws a sentence for the person. */
export async function readCardAt(url: string, context: Pick<VerbContext, 'environment'>): Promise<unknown> {
  try {
    return await reader(url, context)(url);
  } catch (error) {
    throw new UserError(`There is no card at ${url}: ${sentenceOf(error)}`, EXIT.failed);
  }
}

function reader(url: string, context: Pick<VerbContext, 'environment'>): ReadJson {
  const fetchIt = outwardFetch(url, context);
  return async (at) => {
    const response = await fetchIt(at, { headers: { accept: 'application/json', 'A2A-Version': '1.0' } });
    if (!response.ok) {
      await response.body?.cancel();
      throw new AppError('upstream_failed', `it is answered with HTTP ${response.status}.`);
    }
    try {
      return JSON.parse(await response.text()) as unknown;
    } catch (error) {
      throw error instanceof SyntaxError ? new AppError('upstream_failed', 'the answer is no JSON.') : error;
    }
  };
}

function mapOf(environment: VerbContext['environment']) {
  const parsed = z.object(SERVICE_MAP_VARIABLES).safeParse(environment);
  if (parsed.success) return serviceMapOf(parsed.data);
  throw new UserError(`SERVICE_MAP is not valid: ${parsed.error.issues[0]?.message ?? ''}`, EXIT.config);
}

function sentenceOf(error: unknown): string {
  return error instanceof AppError ? error.message : 'it cannot be read.';
}

/** What a card says, for a terminal: no control characters, and short. */
export function plain(text: string): string {
  return text.replace(/\p{C}+/gu, ' ').slice(0, 200);
}
