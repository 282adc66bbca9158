import { toolName } from '../../tool/index.ts';
import type { UpstreamConfig } from '../connections/config.ts';

/*
 * The names under which our callers see the tools, prompts and resources of an upstream. Pure.
 *
 * - The name of a tool begins with the upstream's provider, even with only one upstream: adding a second upstream
 *   renames nothing. An operator can turn prefixes off for an upstream, for tests or for well-known names.
 * - The way back from a name to its upstream is a lookup; no name is taken apart.
 * - URIs begin with `<upstream>+`, which no upstream can give itself.
 */

/** The name of a tool for our callers: it begins with the provider unless the operator turned prefixes off. */
export function toolNameOf({ provider, prefix }: Pick<UpstreamConfig, 'provider' | 'prefix'>, tool: string): string {
  // A name that no language model takes gets the prefix even where prefixes are off.
  return prefix || !/^[A-Za-z0-9_-]{1,64}$/.test(tool) ? toolName(provider, tool) : tool;
}

export function promptNameOf({ name, prefix }: Pick<UpstreamConfig, 'name' | 'prefix'>, prompt: string): string {
  return prefix ? `${name}__${prompt}` : prompt;
}

/** The upstreams that may know a prompt under this name, with the name that they give it. */
export function promptsNamed(upstreams: readonly UpstreamConfig[], name: string): ResourceRef[] {
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
export function urisNamed(upstreams: readonly UpstreamConfig[], uri: string): ResourceRef[] {
  return upstreams.flatMap((upstream) => {
    if (!upstream.prefix) return [{ upstream, inner: uri }];
    const start = `${upstream.name}+`;
    return uri.startsWith(start) ? [{ upstream, inner: uri.slice(start.length) }] : [];
  });
}

export interface ResourceRef {
  readonly upstream: UpstreamConfig;
  readonly inner: string;
}
