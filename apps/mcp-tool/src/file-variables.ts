import { namedSecrets } from './oauth/provider-config.ts';
import { parseUpstreams, variablesOf } from './upstreams/connections/config.ts';

/**
 * The variables of the environment that the operator's files name: headers, environments of processes and credentials of
 * upstreams, and the client secrets of providers. A file that cannot be read or is wrong names none: the service tells
 * what is wrong with it. Pure.
 */
export function variablesInFiles(files: { readonly upstreams?: string; readonly providers?: string }): string[] {
  const parsed = parseUpstreams(files.upstreams ?? '');
  const upstreams = 'upstreams' in parsed ? parsed.upstreams : [];
  const names = upstreams.flatMap((upstream) => {
    const credentials = [upstream.oauth?.client_secret_env, upstream.oauth?.private_key_env];
    return [...variablesOf(upstream), ...credentials.filter((name) => name !== undefined)];
  });
  return [...new Set([...names, ...namedSecrets(files.providers ?? '')])].sort();
}
