import { type PublicKey, publicKeysOf } from '@switchyard/agent-card';
import { AppError } from '@switchyard/contracts';

/** A card as it was read; `unchanged`: it is the one with the given ETag. */
type CardText = 'unchanged' | { readonly text: string; readonly etag?: string | undefined };

export interface CardReader {
  readCard(url: string, signal: AbortSignal, etag?: string): Promise<CardText>;
  /** The keys that a host publishes. */
  readKeys(url: string): Promise<readonly PublicKey[]>;
}

const HEADERS = { accept: 'application/json', 'A2A-Version': '1.0' };
const MAX_ETAG_CHARS = 200;

/** Reads cards and keys with a guarded fetch, which limits size and time and follows no redirect. */
export function cardReader(fetchIt: typeof fetch): CardReader {
  return {
    async readCard(url, signal, etag) {
      const headers = etag === undefined ? HEADERS : { ...HEADERS, 'if-none-match': etag };
      const response = await fetchIt(url, { signal, headers });
      if (response.ok) return { text: await response.text(), etag: etagOf(response) };
      await response.body?.cancel();
      if (response.status === 304 && etag !== undefined) return 'unchanged';
      throw new AppError('upstream_failed', `The card was answered with HTTP ${response.status}.`);
    },
    async readKeys(url) {
      const response = await fetchIt(url, { headers: { accept: 'application/json' } });
      if (!response.ok) {
        await response.body?.cancel();
        throw new AppError('upstream_failed', `The keys were answered with HTTP ${response.status}.`);
      }
      const keys = publicKeysOf(JSON.parse(await response.text()));
      if (!keys) throw new AppError('upstream_failed', 'The keys are no JWKS document.');
      return keys;
    },
  };
}

/** A longer one is of no use to us, and would be sent back with each request. */
function etagOf(response: Response): string | undefined {
  const etag = response.headers.get('etag');
  return etag !== null && etag.length <= MAX_ETAG_CHARS ? etag : undefined;
}
