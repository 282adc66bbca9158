type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** True for a request without a body, or with one that says it is JSON. A page cannot send that type unasked. */
export function isJson(headers: Headers): boolean {
  const length = headers['content-length'];
  const hasBody = headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
  if (!hasBody) return true;
  const type = String(headers['content-type'] ?? '').split(';', 1)[0]!;
  return type.trim().toLowerCase() === 'application/json';
}
