/** A header that came once; several of one name are joined, as HTTP has it. */
export function headerOf(
  request: { headers: Readonly<Record<string, string | string[] | undefined>> },
  name: string,
): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
