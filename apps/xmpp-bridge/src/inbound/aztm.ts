import type { Logger } from '@switchyard/platform';
import type { Element } from '@xmpp/client';
import {
  type AztmDamaged,
  type AztmRequest,
  encodeAztmResponse,
  isTooOld,
  MAX_AZTM_BYTES,
  type Naming,
} from '../http-over-xmpp/aztm-v1.ts';
import { logEvent } from '../log-events.ts';
import { ExchangeError, type HttpResponse } from '../wire/index.ts';
import { denied, type Inbound, problem, type Served } from './inbound.ts';
import type { Session } from '../session/index.ts';
import type { StanzaCap } from '../http-over-xmpp/stanza-cap.ts';

/*
 * Answers requests of peers in messages of urn:aztm:v1. inbound.ts has the rules for requests in any form, aztm-v1.ts
 * those for the messages.
 *
 * - A JID that the policy does not name gets no answer.
 * - A peer that may ask gets one answer, whatever went wrong. The answer goes to the session that asked and has the id
 *   of its message: the peer recognises its answers by nothing else.
 * - The bridge collects an answer in pieces, up to the size that one message carries, and marks it as collected.
 */

export interface InboundAztmParts {
  readonly inbound: Inbound;
  readonly session: () => Session | null;
  readonly cap: StanzaCap;
  readonly onDropped: (why: 'delayed' | 'damaged') => void;
  readonly log: Logger;
}

const BUFFERED_HEADER = 'x-bridge-buffered';

export class InboundAztm {
  readonly #parts: InboundAztmParts;

  constructor(parts: InboundAztmParts) {
    this.#parts = parts;
  }

  onMessage(message: Element, said: AztmRequest | AztmDamaged): void {
    const from = message.attrs['from'] ?? '';
    this.#answer(from, said).catch((error: unknown) =>
      logEvent(this.#parts.log, 'xmpp_message_not_answered', { err: error }),
    );
  }

  async #answer(from: string, said: AztmRequest | AztmDamaged): Promise<void> {
    const { inbound, onDropped } = this.#parts;
    const asks = said.kind === 'request' ? said.request : { method: '', resource: '' };
    const verdict = inbound.judge(from, asks, said.kind === 'request' ? said.request.body.length : 0);
    if (!verdict.allowed && verdict.why === 'stranger') return;
    const naming = { to: from, id: said.id, corr: said.kind === 'request' ? said.corr : '', subject: said.subject };
    if (said.kind === 'damaged') {
      onDropped('damaged');
      if (said.id !== '') this.#say(problem(400, 'This is no envelope of urn:aztm:v1.'), naming, 'damaged envelope');
      return;
    }
    if (!verdict.allowed) return this.#say(denied(verdict.why), naming);
    // The body is shorter or longer than its headers say.
    if (!said.whole) return this.#say(problem(400, 'The body did not arrive as it was sent.'), naming, 'damaged body');
    const delayed = isTooOld(said, Date.now());
    if (delayed) onDropped('delayed');
    const { request, id: stanzaId } = said;
    const served = await inbound.serve({ from, stanzaId, request, delayed }, verdict.rule);
    try {
      this.#say(await collected(served), naming);
    } catch (error) {
      const { status, message } =
        error instanceof ExchangeError ? error : new ExchangeError(502, 'The answer broke off.');
      const said = status === 413 ? 'The answer is larger than one message can carry.' : message;
      this.#say(problem(status === 415 || status === 413 ? 502 : status, said), naming, said);
    } finally {
      served.end();
    }
  }

  #say(response: HttpResponse, naming: Naming & { subject: string }, error?: string): void {
    const session = this.#parts.session();
    if (session?.open)
      session.send(encodeAztmResponse(response, { ...naming, most: this.#parts.cap.stanzaBytes }, error));
  }
}

/** Collects the pieces of the answer into one body. Throws ExchangeError 413 if one message cannot carry it. */
async function collected({ response, pieces }: Served): Promise<HttpResponse> {
  if (pieces === undefined) return response;
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > MAX_AZTM_BYTES) throw new ExchangeError(413, 'The answer is larger than one message can carry.');
    kept.push(piece);
  }
  return { ...response, headers: [...response.headers, [BUFFERED_HEADER, '1']], body: Buffer.concat(kept) };
}
