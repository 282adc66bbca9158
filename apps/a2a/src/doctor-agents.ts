import { AppError, type Finding, found } from '@switchyard/contracts';
import {
  type AgentAddress,
  cardReader,
  judgeTrust,
  type TrustVerdict,
  vetCard,
  type VettedCard,
} from './agents/index.ts';

/*
 * Checks one agent: a probe that reads its card as the service would, and never throws, and a judge that says one
 * sentence.
 */

export interface AgentSeen {
  /** The JID, if its host is mapped. */
  readonly jid?: string | undefined;
  readonly card?: VettedCard;
  readonly trust?: TrustVerdict;
  readonly status?: number;
  /** Why the card is refused. */
  readonly refused?: string;
  readonly code?: string;
  readonly why?: string;
}

const CARD_PATH = '/.well-known/agent-card.json';
const MAX_SHOWN_SKILLS = 10;

export async function probeAgent(
  { url: base, trust: policy = 'any', keys, card: pinned }: AgentAddress,
  parts: { fetch: typeof fetch; allowedHosts: readonly string[]; jid: string | undefined; limitMs: number },
): Promise<AgentSeen> {
  const { jid } = parts;
  const url = base.replace(/\/+$/, '') + CARD_PATH;
  try {
    const headers = { accept: 'application/json', 'A2A-Version': '1.0' };
    const response = await parts.fetch(url, { headers, signal: AbortSignal.timeout(parts.limitMs) });
    if (!response.ok) {
      await response.body?.cancel();
      return { jid, status: response.status };
    }
    const verdict = vetCard(await response.text(), url, parts.allowedHosts);
    if (!verdict.ok) return { jid, refused: verdict.reason };
    const trust = await judgeTrust(
      verdict.value.whole,
      { trust: policy, keys, card: pinned },
      {
        cardUrl: url,
        allowedHosts: parts.allowedHosts,
        nowMs: Date.now(),
        readKeys: (at) => cardReader(parts.fetch).readKeys(at),
      },
    );
    return { jid, card: verdict.value, trust };
  } catch (error) {
    const [code, why] =
      error instanceof AppError ? [error.code, error.message] : ['upstream_timeout', 'no answer in time'];
    return { jid, code, why };
  }
}

export function judgeAgent({ url, optional }: AgentAddress, seen: AgentSeen): Finding {
  const { jid, card, trust, status, refused, code, why } = seen;
  const host = new URL(url).host;
  const wire = jid === undefined ? 'over HTTP' : `over XMPP (${jid})`;
  const evidence = [`${url.replace(/\/+$/, '')}${CARD_PATH}, ${wire}`];
  const bad = optional === true ? found.warn : found.fail;
  if (card && trust?.trusted === false)
    return bad(`${card.name} at ${host} is reached ${wire}, but its card is not trusted. ${trust.reason}`, [
      ...evidence,
      `./switchyard agents card ${url} --verify explains each check`,
    ]);
  if (card) {
    const interfaces = card.card.supportedInterfaces.map(
      (one) => `${one.protocolBinding} ${one.protocolVersion}: ${one.url}`,
    );
    const skills = card.skills.slice(0, MAX_SHOWN_SKILLS).map((skill) => `skill: ${skill.name}`);
    const signed = trust?.trusted === true && trust.kid !== undefined ? `, signed by key "${trust.kid}"` : '';
    const how = card.streaming ? 'it streams' : 'it does not stream';
    return found.ok(`${card.name} at ${host} is reached ${wire}; its card is taken${signed}, and ${how}.`, [
      ...evidence,
      ...interfaces,
      ...skills,
    ]);
  }
  if (refused !== undefined)
    return bad(
      `${host} is reached ${wire}, but ${refused}; a host that it leads to may be named in EGRESS_ALLOW_HOSTS.`,
      evidence,
    );
  if (status !== undefined)
    return bad(
      `${host} is reached ${wire}, but answers HTTP ${status} in place of a card; is its base URL right?`,
      evidence,
    );
  if (code === 'no_responders')
    return found.skipped(
      `${host} is reached over XMPP alone, and no bridge runs that could ask it: see check 22.`,
      evidence,
    );
  const told = [...evidence, `${code ?? 'no code'}: ${why ?? ''}`];
  return bad(`${host} is not reached ${wire}: ${why ?? 'no answer'}`.replace(/\.?$/, '.'), told);
}
