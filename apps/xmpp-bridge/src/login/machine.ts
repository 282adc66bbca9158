import type { Element } from '@xmpp/client';
import { type LoginFailure, loginFailure, type LoginFailureCode, type LoginStep } from './failure.ts';
import * as say from './sentences.ts';
import { NS, stanzas } from './stanzas.ts';
import { chooseSasl, type BindingPolicy } from './sasl-choice.ts';
import { type ChannelBinding, clientFirst, type ScramProof, type ScramStart, provesServer } from './scram.ts';
import type { Secured, TlsMode } from './tls.ts';

/*
 * One login, from the connection to the bound resource (RFC 6120), as a pure state machine: it takes events and returns
 * actions, which attempt.ts performs. docs/state-machines.md draws the steps.
 *
 * - Before the connection is secured, the bridge sends only the stream header and <starttls/>, unless the mode is
 *   `off`.
 * - The features of a stream are read once per stream. A server that offers TLS again after SASL ends the login at
 *   once: the bridge reads another connection than the one that it logged in on.
 * - `online` and `failed` are final. Later events give no action.
 * - After SASL success the stream goes on only if the server has proved that it knows the password.
 */

export interface LoginContext {
  readonly domain: string;
  readonly user: string;
  readonly resource: string;
  readonly mode: TlsMode;
  readonly binding: BindingPolicy;
  readonly allowPlain: boolean;
  /** Random; one per attempt. */
  readonly nonce: string;
  readonly bindId: string;
  /** Tries only this type of channel binding, whether or not it is announced. */
  readonly onlyBinding?: ChannelBinding['type'] | undefined;
}

export type LoginEvent =
  | { readonly type: 'connected' }
  | { readonly type: 'header' }
  | { readonly type: 'element'; readonly element: Element }
  | { readonly type: 'secured'; readonly tls: Secured }
  | { readonly type: 'proved'; readonly proof: ScramProof }
  | { readonly type: 'closed' }
  | { readonly type: 'broken'; readonly code: LoginFailureCode; readonly sentence: string };

export type LoginAction =
  /** Begins a new XML stream: resets the parser and sends the header. */
  | { readonly do: 'open' }
  | { readonly do: 'send'; readonly element: Element }
  | { readonly do: 'sendPlain' }
  | { readonly do: 'startTls' }
  | { readonly do: 'prove'; readonly start: ScramStart; readonly challenge: string }
  | { readonly do: 'online'; readonly jid: string }
  | { readonly do: 'fail'; readonly failure: LoginFailure };

type Awaits =
  'connection' | 'features' | 'proceed' | 'tls' | 'challenge' | 'proof' | 'sasl result' | 'bind' | 'nothing';

export interface LoginState {
  readonly step: LoginStep;
  readonly awaits: Awaits;
  readonly tls: Secured | null;
  readonly authenticated: boolean;
  readonly scram: ScramStart | null;
  readonly serverSignature: string | null;
  /** The type of channel binding that the server refused; the rest of this login goes without it. */
  readonly bindingRefused: ChannelBinding['type'] | null;
}

export const LOGIN_START: LoginState = Object.freeze({
  step: 'connecting',
  awaits: 'connection',
  tls: null,
  authenticated: false,
  scram: null,
  serverSignature: null,
  bindingRefused: null,
});

export interface Advance {
  readonly state: LoginState;
  readonly actions: readonly LoginAction[];
}

export function advance(state: LoginState, event: LoginEvent, context: LoginContext): Advance {
  if (state.awaits === 'nothing') return { state, actions: [] };
  switch (event.type) {
    case 'connected':
      return context.mode === 'direct'
        ? go(state, { step: 'the TLS handshake', awaits: 'tls' }, { do: 'startTls' })
        : go(state, { step: 'opening the stream', awaits: 'features' }, { do: 'open' });
    case 'header':
      return { state, actions: [] };
    case 'secured':
      return go(state, { step: 'opening the secured stream', awaits: 'features', tls: event.tls }, { do: 'open' });
    case 'proved':
      return go(
        state,
        { awaits: 'sasl result', serverSignature: event.proof.serverSignature },
        { do: 'send', element: stanzas.response(event.proof.clientFinal) },
      );
    case 'closed':
      return fail(state, 'CLOSED', say.closed(state.step));
    case 'broken':
      return fail(state, event.code, event.sentence);
    case 'element':
      return onElement(state, event.element, context);
  }
}

function onElement(state: LoginState, element: Element, context: LoginContext): Advance {
  if (element.is('error', NS.streams)) return onStreamError(state, element, context);
  switch (state.awaits) {
    case 'features':
      return element.is('features', NS.streams) ? onFeatures(state, element, context) : unexpected(state, element);
    case 'proceed':
      if (element.is('proceed', NS.tls))
        return go(state, { step: 'the TLS handshake', awaits: 'tls' }, { do: 'startTls' });
      return fail(state, 'STARTTLS_REFUSED', say.starttlsRefused());
    case 'challenge':
    case 'proof':
    case 'sasl result':
      return onSasl(state, element, context);
    case 'bind':
      return onBind(state, element, context);
    default:
      return unexpected(state, element);
  }
}

function onFeatures(state: LoginState, features: Element, context: LoginContext): Advance {
  const starttls = features.getChild('starttls', NS.tls);
  if (state.authenticated) {
    // A second offer of TLS after SASL means another connection.
    if (stanzas.asksForTls(features)) return fail(state, 'TLS_REOFFERED', say.tlsReoffered());
    if (!features.getChild('bind', NS.bind)) return fail(state, 'NO_BIND', say.noBind());
    const element = stanzas.bind(context.bindId, context.resource);
    return go(state, { step: 'binding a resource', awaits: 'bind' }, { do: 'send', element });
  }
  if (context.mode === 'starttls' && !state.tls) {
    if (!starttls) return fail(state, 'STARTTLS_NOT_OFFERED', say.starttlsNotOffered());
    return go(state, { step: 'asking for STARTTLS', awaits: 'proceed' }, { do: 'send', element: stanzas.starttls() });
  }
  if (starttls && state.tls) return fail(state, 'TLS_REOFFERED', say.tlsReoffered());
  if (starttls && !features.getChild('mechanisms', NS.sasl))
    return fail({ ...state, step: 'choosing a SASL mechanism' }, 'NO_COMMON_MECHANISM', say.starttlsRequired());
  return authenticate(state, stanzas.saslOffer(features), context);
}

function authenticate(
  state: LoginState,
  offer: { readonly mechanisms: readonly string[]; readonly bindingTypes: readonly string[] },
  context: LoginContext,
): Advance {
  const choice = chooseSasl(offer, {
    binding: state.bindingRefused ? 'off' : context.binding,
    allowPlain: context.allowPlain,
    verifiedTls: state.tls?.verified ?? false,
    tlsVersion: state.tls?.version ?? '',
    bindings: state.tls?.bindings ?? [],
    only: context.onlyBinding,
  });
  const at = { ...state, step: 'choosing a SASL mechanism' as const };
  if (choice.kind === 'none') {
    return choice.why === 'binding_required'
      ? fail(at, 'CHANNEL_BINDING', say.bindingRequired(offer.mechanisms))
      : fail(at, 'NO_COMMON_MECHANISM', say.noMechanism(offer.mechanisms, choice.why));
  }
  if (choice.kind === 'plain') return go(at, { step: 'authenticating', awaits: 'sasl result' }, { do: 'sendPlain' });
  const { mechanism, binding, wireName } = choice;
  const scram: ScramStart = { mechanism, binding, user: context.user, nonce: context.nonce };
  const element = stanzas.auth(wireName, clientFirst(scram));
  return go(at, { step: 'authenticating', awaits: 'challenge', scram }, { do: 'send', element });
}

function onSasl(state: LoginState, element: Element, context: LoginContext): Advance {
  const { scram } = state;
  if (element.is('failure', NS.sasl)) return onSaslFailure(state, element, context);
  if (element.is('challenge', NS.sasl) && state.awaits === 'challenge' && scram) {
    const challenge = stanzas.decoded(element);
    return go(state, { awaits: 'proof' }, { do: 'prove', start: scram, challenge });
  }
  if (element.is('success', NS.sasl) && state.awaits === 'sasl result') {
    const proved = !scram || provesServer(stanzas.decoded(element), state.serverSignature ?? '');
    if (!proved) return fail(state, 'SERVER_SIGNATURE', say.serverSignature());
    const next = { step: 'opening the authenticated stream', awaits: 'features', authenticated: true } as const;
    return go(state, next, { do: 'open' });
  }
  // A success before the proof was requested proves nothing.
  if (element.is('success', NS.sasl)) return fail(state, 'SERVER_SIGNATURE', say.serverSignature());
  return unexpected(state, element);
}

function onSaslFailure(state: LoginState, element: Element, context: LoginContext): Advance {
  const { condition, text } = stanzas.failureOf(element);
  const bound = state.scram?.binding.how === 'bound' ? state.scram.binding.with.type : null;
  if (bound !== null && /channel binding/i.test(text)) {
    const sentence = say.bindingRefused(state.scram, state.tls);
    if (context.binding === 'require' || context.onlyBinding !== undefined)
      return fail(state, 'CHANNEL_BINDING', sentence);
    // The server did not judge the credentials yet: retries with the same mechanism, without binding (RFC 6120 §6.4.5).
    const scram: ScramStart = { ...state.scram!, binding: { how: 'none' } };
    const again = stanzas.auth(scram.mechanism, clientFirst(scram));
    return go(state, { awaits: 'challenge', scram, bindingRefused: bound }, { do: 'send', element: again });
  }
  // Both ends support binding, so the server's offer was altered on the way.
  const isDowngrade = state.scram?.binding.how === 'possible';
  if (isDowngrade && (/channel binding/i.test(text) || condition === 'malformed-request'))
    return fail(state, 'CHANNEL_BINDING', say.bindingOfferLost(condition, text));
  switch (condition) {
    case 'not-authorized':
    case 'malformed-request':
      return fail(state, 'NOT_AUTHORIZED', say.notAuthorized(`${context.user}@${context.domain}`, text));
    case 'account-disabled':
    case 'credentials-expired':
      return fail(state, 'ACCOUNT_DISABLED', say.accountDisabled(condition));
    case 'temporary-auth-failure':
      return fail(state, 'TEMPORARY_AUTH_FAILURE', say.temporary(text));
    default:
      return fail(state, 'SASL_FAILED', say.saslFailed(condition, text));
  }
}

function onBind(state: LoginState, element: Element, context: LoginContext): Advance {
  if (!element.is('iq') || element.attrs['id'] !== context.bindId) return { state, actions: [] };
  if (element.attrs['type'] === 'result') {
    const jid = element.getChild('bind', NS.bind)?.getChildText('jid') ?? '';
    if (!/^[^/]+\/.+$/.test(jid)) return fail(state, 'BIND_REFUSED', say.bindWithoutJid());
    return go(state, { awaits: 'nothing' }, { do: 'online', jid });
  }
  const condition = stanzas.conditionOf(element.getChild('error'));
  return condition === 'conflict'
    ? fail(state, 'RESOURCE_CONFLICT', say.conflict(context.resource))
    : fail(state, 'BIND_REFUSED', say.bindRefused(condition));
}

/** "Use of STARTTLS required", and variants of other servers and proxies. */
const TLS_REQUIRED = /\b(starttls|tls|handshake|encryption)\b.{0,40}\brequired\b/i;

function onStreamError(state: LoginState, element: Element, context: LoginContext): Advance {
  const condition = stanzas.conditionOf(element);
  const text = element.getChildText('text', NS.streamErrors) ?? '';
  if (condition === 'host-unknown') return fail(state, 'HOST_UNKNOWN', say.hostUnknown(context.domain));
  if (condition === 'conflict') return fail(state, 'REPLACED', say.conflict(context.resource));
  if (state.authenticated && TLS_REQUIRED.test(text)) return fail(state, 'TLS_REOFFERED', say.tlsReoffered());
  return fail(state, 'STREAM_ERROR', say.streamError(condition, text));
}

function unexpected(state: LoginState, element: Element): Advance {
  return fail(state, 'XML_INVALID', say.unexpected(state.step, element.getName()));
}

function go(state: LoginState, changes: Partial<LoginState>, ...actions: LoginAction[]): Advance {
  return { state: { ...state, ...changes }, actions };
}

function fail(state: LoginState, code: LoginFailureCode, sentence: string): Advance {
  const failure = loginFailure(code, state.step, sentence);
  return { state: { ...state, awaits: 'nothing' }, actions: [{ do: 'fail', failure }] };
}
