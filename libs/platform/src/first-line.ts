/**
 * The first line that comes over a stream, without its end; all of the stream where there is no line end. Reads no more than
 * `maxBytes`; undefined where the line is longer, or nothing came.
 */
export async function firstLine(
  stream: AsyncIterable<Uint8Array | string>,
  maxBytes: number,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    length += bytes.length;
    if (bytes.includes(10) || length > maxBytes + 2) break;
  }
  const [line = ''] = Buffer.concat(chunks).toString('utf8').split('\n');
  const text = line.replace(/\r$/, '');
  return text === '' || Buffer.byteLength(text) > maxBytes ? undefined : text;
}
