import type { Element } from '@xmpp/client';
import { type AztmResponse, decodeAztm, encodeAztmRequest } from '../http-over-xmpp/aztm-v1.ts';
import type { Timeouts } from './ask-by-iq.ts';
import { ExchangeError, type HttpRequest, type HttpResponse } from '../wire/index.ts';
import type { IqOutcome, Session } from '../session/index.ts';
import { bareOf } from '../peers/index.ts';

/** Sends one HTTP request in a message of urn:aztm:v1 and returns its answer. The library offers no cancel. */
export async function askByMessage(
  session: Session,
  to: string,
  /** Both cannot be guessed. An error answer of the library repeats `corr` only. */
  { id, corr }: { readonly id: string; readonly corr: string },
  request: HttpRequest,
  { signal, deadline }: Timeouts,
  /** The number of bytes that the server takes as one stanza. */
  most: number,
): Promise<HttpResponse> {
  const message = encodeAztmRequest(request, { to, id, corr, most, nowMs: Date.now() });
  const judge = (stanza: Element): 'answers' | IqOutcome => {
    if (bareOf(stanza.attrs['from'] ?? '') !== bareOf(to)) return 'spoofed';
    if (stanza.attrs['type'] === 'error') return 'answers';
    const said = decodeAztm(stanza);
    return said?.kind === 'response' && said.corr !== undefined && said.corr !== corr ? 'wrong_corr' : 'answers';
  };
  const answer = decodeAztm(
    await session.askWith({ to, id, alias: corr, judge, timeoutMs: deadline - Date.now(), signal }, () => message),
  );
  if (answer?.kind !== 'response') throw new ExchangeError(502, 'The agent answered with what is no response.');
  const { response, whole } = answer satisfies AztmResponse;
  const hasBody = request.method !== 'HEAD' && response.status !== 204 && response.status !== 304;
  if (hasBody && !whole) throw new ExchangeError(502, 'The body did not arrive as it was sent.');
  return response;
}
