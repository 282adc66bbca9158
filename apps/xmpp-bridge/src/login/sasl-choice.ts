import type { Binding, ChannelBinding, ScramName } from './scram.ts';

/*
 * Chooses the SASL mechanism. Pure.
 *
 * - The bridge takes the strongest SCRAM that the server offers. It takes PLAIN only by explicit consent and over TLS
 *   with a checked certificate.
 * - The bridge uses channel binding if both sides can: the server offers a -PLUS mechanism and either names a type that
 *   the bridge has (XEP-0440) or runs TLS 1.2, whose type is tls-unique (RFC 5802 §6.1).
 * - If a server offers no -PLUS, the bridge tells it that it could have used one ("y"). So a man in the middle who
 *   removed the offer is detected.
 */

export type BindingPolicy = 'require' | 'prefer' | 'off';

export interface SaslOffer {
  readonly mechanisms: readonly string[];
  /** From urn:xmpp:sasl-cb:0; empty if the server does not say. */
  readonly bindingTypes: readonly string[];
}

export interface SaslPolicy {
  readonly binding: BindingPolicy;
  readonly allowPlain: boolean;
  /** TLS is up and its certificate was checked. */
  readonly verifiedTls: boolean;
  readonly tlsVersion: string;
  /** The types that this end supports. */
  readonly bindings: readonly ChannelBinding[];
  /** For a diagnosis: this type or nothing, whatever the server announces. */
  readonly only?: ChannelBinding['type'] | undefined;
}

export type SaslChoice =
  | { readonly kind: 'scram'; readonly mechanism: ScramName; readonly wireName: string; readonly binding: Binding }
  | { readonly kind: 'plain' }
  | { readonly kind: 'none'; readonly why: 'binding_required' | 'plain_refused' | 'nothing_in_common' };

const STRENGTH: readonly ScramName[] = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1'];

export function chooseSasl(offer: SaslOffer, policy: SaslPolicy): SaslChoice {
  const offered = new Set(offer.mechanisms);
  if (policy.only !== undefined) return onlyChoice(offered, policy);
  const bound = policy.binding === 'off' ? undefined : boundChoice(offered, offer.bindingTypes, policy);
  if (bound) return bound;
  if (policy.binding === 'require') return { kind: 'none', why: 'binding_required' };

  const mechanism = STRENGTH.find((name) => offered.has(name));
  if (mechanism) {
    const plusOffered = offer.mechanisms.some((name) => name.endsWith('-PLUS'));
    const could = policy.binding !== 'off' && policy.bindings.length > 0 && !plusOffered;
    // 'possible' tells the server that the bridge could bind: a man in the middle who removed the offer is detected.
    return { kind: 'scram', mechanism, wireName: mechanism, binding: { how: could ? 'possible' : 'none' } };
  }
  if (!offered.has('PLAIN')) return { kind: 'none', why: 'nothing_in_common' };
  return policy.allowPlain && policy.verifiedTls ? { kind: 'plain' } : { kind: 'none', why: 'plain_refused' };
}

function onlyChoice(offered: ReadonlySet<string>, { bindings, only }: SaslPolicy): SaslChoice {
  const mechanism = STRENGTH.find((name) => offered.has(`${name}-PLUS`));
  const binding = bindings.find(({ type }) => type === only);
  if (!mechanism || !binding) return { kind: 'none', why: 'binding_required' };
  return { kind: 'scram', mechanism, wireName: `${mechanism}-PLUS`, binding: { how: 'bound', with: binding } };
}

function boundChoice(
  offered: ReadonlySet<string>,
  types: readonly string[],
  policy: SaslPolicy,
): SaslChoice | undefined {
  const mechanism = STRENGTH.find((name) => offered.has(`${name}-PLUS`));
  const binding = policy.bindings.find(({ type }) =>
    type === 'tls-unique'
      ? policy.tlsVersion === 'TLSv1.2' && (types.length === 0 || types.includes(type))
      : types.includes(type),
  );
  if (!mechanism || !binding) return undefined;
  return { kind: 'scram', mechanism, wireName: `${mechanism}-PLUS`, binding: { how: 'bound', with: binding } };
}
