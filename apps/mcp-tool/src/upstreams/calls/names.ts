import { toolName } from '../../tool/index.ts';
import type { UpstreamConfig } from '../connections/config.ts';

/*
 * How what an upstream has is called by our callers. Pure.
 *
 * A1 A name begins with the upstream's provider, also where there is only one upstream: adding a second one renames
 *    nothing. Prefixes can be turned off for an upstream, which is for tests and for operators who know its names.
 * A2 Back is found by looking up, never by taking a name apart; URIs begin with `<upstream>+`, which no upstream can
 *    give itself.
 */

/** A1 */
export function toolNameOf({ provider, prefix }: Pick<UpstreamConfig, 'provider' | 'prefix'>, tool: string): string {
  // Without a prefix what is no name for a language model gets one all the same.
  return prefix || !/^[A-Za-z0-9_-]{1,64}$/.test(tool) ? toolName(provider, tool) : tool;
}

export function promptNameOf({ name, prefix }: Pick<UpstreamConfig, 'name' | 'prefix'>, prompt: string): string {
  return prefix ? `${name}__${prompt}` : prompt;
}

/** The upstreams that may know a prompt under this name, with the name that they give it. */
export function promptsNamed(upstreams: readonly UpstreamConfig[], name: string): Place[] {
  return upstreams.flatMap((upstream) => {
    if (!upstream.prefix) return [{ upstream, inner: name }];
    const start = `${upstream.name}__`;
    return name.startsWith(start) ? [{ upstream, inner: name.slice(start.length) }] : [];
  });
}

export function uriOf({ name, prefix }: Pick<UpstreamConfig, 'name' | 'prefix'>, uri: string): string {
  return prefix ? `${name}+${uri}` : uri;
}

/** The upstreams that may know a URI (or a template), with the URI that they give it. */
export function urisNamed(upstreams: readonly UpstreamConfig[], uri: string): Place[] {
  return upstreams.flatMap((upstream) => {
    if (!upstream.prefix) return [{ upstream, inner: uri }];
    const start = `${upstream.name}+`;
    return uri.startsWith(start) ? [{ upstream, inner: uri.slice(start.length) }] : [];
  });
}

export interface Place {
  readonly upstream: UpstreamConfig;
  readonly inner: string;
}
