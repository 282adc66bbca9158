const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/a2a+json']);

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * True for a request without a body, or with a declared JSON body. A page cannot send that type without a preflight.
 */
export function isJson(headers: Headers): boolean {
  const length = headers['content-length'];
  const hasBody = headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
  if (!hasBody) return true;
  const type = String(headers['content-type'] ?? '').split(';', 1)[0]!;
  return JSON_TYPES.has(type.trim().toLowerCase());
}
