import { createHash, randomBytes } from 'node:crypto';
import {
  finishAuthorisation,
  listProviders,
  type Principal,
  type ProviderView,
  startAuthorisation,
} from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import type { System } from './upstream-system.ts';

/** What a person and a browser do who follow the link of a provider. */

export const PUBLIC_URL = 'https://switchyard.test';

/** A login that is under way. */
export interface Begun {
  readonly session: string;
  /** Where the browser is sent. */
  readonly url: URL;
}

export async function begin(system: System, provider: string, principal: Principal): Promise<Begun> {
  const session = createHash('sha256').update(randomBytes(32)).digest('hex');
  const { authorizationUrl } = await system.bus.request(startAuthorisation, { principal, provider, session });
  return { session, url: new URL(authorizationUrl) };
}

/** What the browser comes back with. */
export async function consent({ url }: Begun): Promise<Record<string, string>> {
  const answer = await fetch(url, { redirect: 'manual' });
  const back = new URL(answer.headers.get('location')!);
  if (!back.href.startsWith(`${PUBLIC_URL}/api/mcp/auth/callback`)) throw new Error(`sent to ${back.href}`);
  return Object.fromEntries(back.searchParams);
}

export async function finish(system: System, { session }: Begun, params: Record<string, string>): Promise<void> {
  await system.bus.request(finishAuthorisation, { session, params });
}

export async function followLink(system: System, provider: string, who: Principal): Promise<void> {
  const begun = await begin(system, provider, who);
  await finish(system, begun, await consent(begun));
}

export async function viewOf(
  system: System,
  provider: string,
  principal: Principal,
): Promise<ProviderView | undefined> {
  const { providers } = await system.bus.request(listProviders, { principal });
  return providers.find((view) => view.provider === provider);
}

/** Whether the person is to open the link (again). */
export async function isWanted(system: System, provider: string, who: Principal): Promise<boolean> {
  const view = await viewOf(system, provider, who);
  return view !== undefined && (!view.authorized || view.missing_scopes.length > 0);
}

/** It was found out who authorises this upstream, or that this cannot be found out. */
export async function lookedAt(system: System, name: string): Promise<void> {
  await until(async () => {
    const known = (await system.statuses()).find((status) => status.name === name)?.authorisation;
    return known !== undefined && known !== null && (known.issuer !== null || known.missing !== null);
  }, 30_000);
}
