import type { Element } from '@xmpp/client';
import { quoted } from './failure.ts';
import type { LoginAction, LoginEvent, LoginState } from './machine.ts';
import type { Secured } from './tls.ts';
import { NS, stanzas } from './stanzas.ts';
import type { Target, Where } from './targets.ts';

/*
 * Describes the course of a login in log lines, for a person who looks for a fault. Pure.
 *
 * - The lines hold only names: steps, hosts, features, mechanisms, conditions. The code never reads the content of
 *   <auth/>, <challenge/>, <response/> and <success/>, so no line can hold a secret or the proof of one.
 */

const MAX_NAMES = 24;
const names = (all: readonly string[]): string =>
  all
    .slice(0, MAX_NAMES)
    .map((name) => quoted(name).slice(1, -1))
    .join(', ') || 'none';

const at = ({ host, port, mode }: Target): string => `${host.includes(':') ? `[${host}]` : host}:${port} (${mode})`;

export function lookedUp({ domain, host, tls }: Where, targets: readonly Target[]): string {
  const all = targets.slice(0, MAX_NAMES).map(at).join(', ');
  if (host !== undefined) return `Using host: ${all}, as configured (AZTM_HOST, AZTM_PORT, AZTM_TLS=${tls})`;
  const isItself = targets.length === 1 && targets[0]?.host === domain;
  if (isItself) return `Using host: ${all}: DNS has no SRV record for XMPP clients of ${domain}`;
  return `Using host: ${all}, in this order, as the SRV records of ${domain} say`;
}

function secured({ version, verified, bindings, fingerprint, certificate }: Secured): string {
  const seen = certificate
    ? `certificate of ${quoted(certificate.subject)} for ${quoted(certificate.names)} by ${quoted(certificate.issuer)}, ` +
      `valid until ${new Date(certificate.validTo).toISOString()}, SHA-256 ${fingerprint}`
    : 'no certificate was seen';
  const types = bindings.map(({ type }) => type);
  return `TLS stands: ${version}; ${seen}; ${verified ? 'checked' : 'NOT checked'}; can be bound by ${names(types)}`;
}

/** The lines for one event and the actions that followed, in order. */
export function linesOf(event: LoginEvent, before: LoginState, actions: readonly LoginAction[]): string[] {
  return [...told(event, before), ...actions.flatMap(done)];
}

function told(event: LoginEvent, before: LoginState): string[] {
  switch (event.type) {
    case 'connected':
      return [];
    case 'header':
      return ['the server opened its stream'];
    case 'secured':
      return [secured(event.tls)];
    case 'proved':
      return ['SASL: the proof of the password was computed'];
    case 'closed':
      return ['the connection was closed'];
    case 'broken':
      return [`the connection broke: ${event.code}`];
    case 'element':
      return [element(event.element, before)];
  }
}

function element(got: Element, { scram, awaits }: LoginState): string {
  if (got.is('features', NS.streams)) return features(got);
  if (got.is('error', NS.streams)) {
    const text = got.getChildText('text', NS.streamErrors) ?? '';
    return `stream error: ${names([stanzas.conditionOf(got)])}${text === '' ? '' : ` ${quoted(text)}`}`;
  }
  if (got.is('proceed', NS.tls)) return 'STARTTLS granted';
  if (got.is('failure', NS.tls)) return 'STARTTLS refused';
  if (got.is('challenge', NS.sasl)) return 'SASL: the server asks for the proof';
  if (got.is('success', NS.sasl)) return `SASL: success (${scram?.mechanism ?? 'PLAIN'})`;
  if (got.is('failure', NS.sasl)) {
    const { condition, text } = stanzas.failureOf(got);
    return `SASL: refused, ${names([condition])}${text === '' ? '' : ` ${quoted(text)}`}`;
  }
  if (awaits === 'bind' && got.is('iq')) return `the server answers the bind: ${names([got.attrs['type'] ?? ''])}`;
  return `the server sent <${names([got.getName()])}/>`;
}

function features(got: Element): string {
  const { mechanisms, bindingTypes } = stanzas.saslOffer(got);
  const offered = got.getChildElements().map((feature) => {
    if (feature.is('mechanisms', NS.sasl)) return `mechanisms [${names(mechanisms)}]`;
    if (feature.is('sasl-channel-binding', NS.saslBinding)) return `channel binding by [${names(bindingTypes)}]`;
    return `${names([feature.getName()])}${feature.getChild('required') ? ' (required)' : ''}`;
  });
  return `features offered: ${offered.slice(0, MAX_NAMES).join(', ') || 'none'}`;
}

function done(action: LoginAction): string[] {
  switch (action.do) {
    case 'open':
      return ['stream opened'];
    case 'startTls':
      return ['TLS handshake begun'];
    case 'sendPlain':
      return ['SASL: PLAIN chosen'];
    case 'prove':
      return [];
    case 'online':
      return [`bound as ${quoted(action.jid)}: the session stands`];
    case 'fail':
      return [`given up while ${action.failure.step}: ${action.failure.code}`];
    case 'send':
      return sent(action.element);
  }
}

function sent(given: Element): string[] {
  if (given.is('starttls', NS.tls)) return ['STARTTLS asked'];
  if (given.is('auth', NS.sasl)) {
    const mechanism = given.attrs['mechanism'] ?? '';
    const how = mechanism.endsWith('-PLUS') ? 'bound to the TLS connection' : 'without channel binding';
    return [`SASL: ${names([mechanism])} chosen, ${how}`];
  }
  if (given.is('response', NS.sasl)) return ['SASL: proof sent'];
  const resource = given.getChild('bind', NS.bind)?.getChildText('resource');
  return resource === undefined || resource === null ? [] : [`bind asked, as ${quoted(resource)}`];
}
