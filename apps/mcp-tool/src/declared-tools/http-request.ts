import type { HttpCall, HttpToolDefinition } from '@switchyard/contracts';
import { ToolError } from '../tool/index.ts';

/*
 * Builds the request of one call from a declared HTTP call and its arguments. Pure.
 *
 * - The host is that of the declaration. An argument fills text only within segments of the path, and an argument that
 *   makes a segment empty, "." or ".." is refused.
 * - Credentials occur in headers and in the query only.
 * - If an optional argument is missing, its header, its query field or its field of the body is left out. An argument
 *   of the path is required.
 */

export interface HttpRequest {
  readonly method: HttpCall['method'];
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

type Args = Readonly<Record<string, unknown>>;
type Values = (name: string) => unknown;

const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_.-]*)\}/g;
const CREDENTIAL = 'credential.';
/** Headers of the connection, and those that are ours to set. */
const NOT_OURS = new Set(
  ['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'expect', 'cookie'].concat([
    'proxy-authorization',
    'keep-alive',
    'idempotency-key',
    'accept-encoding',
    'forwarded',
    'x-forwarded-for',
  ]),
);

/** Names of credentials that the call needs. */
export function credentialsOf({ headers, query }: HttpCall): string[] {
  const names = [...Object.values(headers ?? {}), ...Object.values(query ?? {})].flatMap(namesIn);
  const wanted = names.filter((name) => name.startsWith(CREDENTIAL)).map((name) => name.slice(CREDENTIAL.length));
  return [...new Set(wanted)];
}

/** Mistakes of a declaration beyond its shape: the path of each, and why. */
export function callProblems({ http, input }: HttpToolDefinition): { path: (string | number)[]; message: string }[] {
  const problems: { path: (string | number)[]; message: string }[] = [];
  const given = new Set(Object.keys((input['properties'] ?? {}) as object));
  const check = (text: string, path: (string | number)[], credentials: boolean): void => {
    for (const name of namesIn(text))
      if (name.startsWith(CREDENTIAL)) {
        if (!credentials) problems.push({ path, message: 'a credential may stand in headers and query alone' });
      } else if (!given.has(name)) problems.push({ path, message: `"${name}" is not among the properties of input` });
  };
  check(http.url, ['http', 'url'], false);
  for (const [name, text] of Object.entries(http.query ?? {})) check(text, ['http', 'query', name], true);
  for (const [name, text] of Object.entries(http.headers ?? {})) {
    check(text, ['http', 'headers', name], true);
    if (NOT_OURS.has(name.toLowerCase()))
      problems.push({ path: ['http', 'headers', name], message: 'this header cannot be set by a tool' });
  }
  for (const text of textsIn(http.body)) check(text, ['http', 'body'], false);
  if (http.body !== undefined && !takesBody(http.method))
    problems.push({ path: ['http', 'body'], message: `${http.method} takes no body` });
  for (const pointer of typeof http.result === 'object' ? Object.values(http.result) : [http.result ?? ''])
    if (pointer !== '' && !pointer.startsWith('/'))
      problems.push({ path: ['http', 'result'], message: 'a JSON pointer begins with "/"' });
  return problems;
}

/** The request of one call. Throws ToolError where an argument cannot stand where it should. */
export function requestOf(http: HttpCall, args: Args, credentials: Readonly<Record<string, string>>): HttpRequest {
  const values: Values = (name) =>
    name.startsWith(CREDENTIAL)
      ? credentials[name.slice(CREDENTIAL.length)]
      : Object.hasOwn(args, name)
        ? args[name]
        : undefined;
  const url = urlOf(http.url, values);
  const left = Object.entries(args).filter(([name]) => !usedNames(http).has(name));
  const byDefault = http.query === undefined && http.body === undefined;
  for (const [name, text] of Object.entries(http.query ?? {})) addQuery(url, name, filled(text, values));
  if (byDefault && !takesBody(http.method)) for (const [name, value] of left) addQuery(url, name, value);
  const body = http.body ?? (byDefault && takesBody(http.method) ? Object.fromEntries(left) : undefined);
  const headers: Record<string, string> = { accept: 'application/json, text/*;q=0.5' };
  for (const [name, text] of Object.entries(http.headers ?? {})) {
    const value = filled(text, values);
    if (value !== undefined) headers[name.toLowerCase()] = headerText(name, value);
  }
  if (body === undefined) return { method: http.method, url, headers };
  headers['content-type'] ??= 'application/json';
  const filledBody = http.body === undefined ? body : (filledAll(body, values) ?? null);
  return { method: http.method, url, headers, body: JSON.stringify(filledBody) };
}

/** The declared URL with the arguments in its path. Throws ToolError where a segment is empty, "." or "..". */
function urlOf(template: string, values: Values): URL {
  const at = template.indexOf('/', template.indexOf('//') + 2);
  const origin = at < 0 ? template : template.slice(0, at);
  const segments = (at < 0 ? '/' : template.slice(at)).split('/').map((segment) => {
    if (namesIn(segment).length === 0) return segment;
    const text = segment.replace(PLACEHOLDER, (_, name: string) => inPath(name, values(name)));
    if (/^\.{0,2}$/.test(text)) throw new ToolError(`The argument for ${segment} may not be empty, "." or "..".`);
    return text;
  });
  return new URL(origin + segments.join('/'));
}

function inPath(name: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    try {
      return encodeURIComponent(value);
    } catch {
      // Half a character is no text.
    }
  throw new ToolError(`The argument ${name} is needed here as a text or a number.`);
}

function addQuery(url: URL, name: string, value: unknown): void {
  if (value === undefined || value === null) return;
  for (const one of Array.isArray(value) ? (value as unknown[]) : [value])
    url.searchParams.append(name, typeof one === 'object' ? JSON.stringify(one) : String(one));
}

function headerText(name: string, value: unknown): string {
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  if (/^[\t\x20-\x7e]*$/.test(text)) return text;
  throw new ToolError(`What stands in the header ${name} may hold printable ASCII characters only.`);
}

/** The value itself where the text is one placeholder; else the text, filled. Undefined where a value is missing. */
function filled(text: string, values: Values): unknown {
  const names = namesIn(text);
  if (names.length === 1 && text === `{${names[0]}}`) return values(names[0]!);
  if (names.some((name) => values(name) === undefined || values(name) === null)) return undefined;
  return text.replace(PLACEHOLDER, (_, name: string) => {
    const value = values(name);
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  });
}

function filledAll(template: unknown, values: Values): unknown {
  if (typeof template === 'string') return filled(template, values);
  if (Array.isArray(template))
    return template.map((item: unknown) => filledAll(item, values)).filter((item) => item !== undefined);
  if (typeof template !== 'object' || template === null) return template;
  const entries = Object.entries(template).map(([key, item]) => [key, filledAll(item, values)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
}

function usedNames({ url, headers }: HttpCall): Set<string> {
  return new Set([url, ...Object.values(headers ?? {})].flatMap(namesIn));
}

function takesBody(method: HttpCall['method']): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}

function namesIn(text: string): string[] {
  return [...text.matchAll(PLACEHOLDER)].map(([, name]) => name!);
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** The part of an answer that is the result; undefined where it is not there. */
export function resultOf(answer: unknown, result: HttpCall['result']): unknown {
  if (result === undefined) return answer;
  if (typeof result === 'string') return at(answer, result);
  return Object.fromEntries(Object.entries(result).map(([name, pointer]) => [name, at(answer, pointer) ?? null]));
}

function at(value: unknown, pointer: string): unknown {
  let place = value;
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof place !== 'object' || place === null || !Object.hasOwn(place, key)) return undefined;
    place = (place as Record<string, unknown>)[key];
  }
  return place;
}
