const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * Returns the member `payload` of a JSON object exactly as written, so that a number that a double would round stays
 * unchanged. Pure; the text must be JSON with that member.
 */
export function rawPayload(text: string): string {
  let raw = '';
  let depth = 0;
  let name: string | undefined;
  let from = -1;
  let end = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const closes = token === '}' || token === ']';
    if (depth === 1 && (token === ',' || closes)) {
      if (name === 'payload' && from >= 0) raw = text.slice(from, end); // JSON.parse takes the last one
      name = undefined;
      from = -1;
    } else if (depth === 1 && token !== ':') {
      if (name === undefined) name = JSON.parse(token) as string;
      else if (from < 0) from = index;
    }
    if (closes) depth -= 1;
    else if (token === '{' || token === '[') depth += 1;
    end = index + token.length;
  }
  return raw;
}
