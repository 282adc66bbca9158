import { checkCard, leadsToAllowed, publicKeysOf, readCard } from '@switchyard/agent-card';
import { type DoctorCheck, type DoctorGroup, type Finding, found, toCheck } from '@switchyard/contracts';
import type { VerbContext } from '../command-line/verb.ts';
import { runningSupervisor } from '../environment/process-files.ts';

/*
 * Check 47: what other agents find of us: the card that the running gateway gives out, as one of them would judge it.
 */

const CARD_PATH = '/.well-known/agent-card.json';
const KEYS_PATH = '/.well-known/jwks.json';
const { ok, warn, fail, skipped } = found;

export async function ownCardCheck(
  { workspace }: VerbContext,
  asks: (group: DoctorGroup) => boolean,
  limitMs: number,
): Promise<DoctorCheck[]> {
  if (!asks('a2a')) return [];
  const began = performance.now();
  const url = runningSupervisor(workspace)?.gatewayUrl;
  const finding = url === undefined ? skipped('Not asked: nothing runs in this clone.') : await asked(url, limitMs);
  return [toCheck({ number: 47, group: 'a2a', name: 'our card' }, finding, performance.now() - began)];
}

async function asked(url: string, limitMs: number): Promise<Finding> {
  const read = async (path: string) => {
    const response = await fetch(url + path, { signal: AbortSignal.timeout(limitMs), redirect: 'error' });
    return response.ok ? ((await response.json()) as unknown) : response.status;
  };
  try {
    return await judgeOwnCard(url, await read(CARD_PATH), await read(KEYS_PATH), Date.now());
  } catch (error) {
    return fail(`The card of the gateway at ${url} could not be read.`, [String(error).slice(0, 200)]);
  }
}

/** What another agent would find. A number in place of a document is the HTTP status that came instead. */
export async function judgeOwnCard(url: string, raw: unknown, keys: unknown, nowMs: number): Promise<Finding> {
  if (raw === 404) return skipped('Not asked: A2A_SERVER is off, so other agents find no card.');
  if (typeof raw === 'number') return fail(`The gateway at ${url} answered ${raw} instead of its card.`);
  const card = readCard(raw);
  if (card === undefined) return fail(`The gateway at ${url} gives out no A2A 1.0 card.`);
  const foreign = card.supportedInterfaces.filter((each) => !leadsToAllowed(each.url, url + CARD_PATH, []));
  // Behind a proxy its public address is another than the one that is asked here.
  const elsewhere = foreign.map((each) => `It leads to ${each.url}, as A2A_PUBLIC_URL has it.`);
  const bindings = card.supportedInterfaces.map(({ protocolBinding }) => protocolBinding).join(', ');
  const verdict = await checkCard(card, { keys: publicKeysOf(keys) ?? [], nowMs });
  const evidence = [...elsewhere, ...verdict.checks.map(({ sentence }) => sentence)];
  if (verdict.verified) return ok(`Other agents find a signed card (${bindings}), key ${verdict.kid}.`, evidence);
  if (card.signatures.length === 0)
    return warn(`Other agents find a card (${bindings}) without a signature; set A2A_SIGNING_KEYS.`, evidence);
  return fail(`The signature of our card does not hold; other agents may refuse us.`, evidence);
}
