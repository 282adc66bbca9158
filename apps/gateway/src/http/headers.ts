/** A header as one value; repeated ones are joined, as HTTP does. */
export function headerOf(
  request: { headers: Readonly<Record<string, string | string[] | undefined>> },
  name: string,
): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
