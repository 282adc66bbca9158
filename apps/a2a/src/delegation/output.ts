import type { Artifact, Message, Part } from '@a2a-js/sdk';

/** Most bytes of text that one delegation may bring back (UTF-8). */
export const MAX_OUTPUT_BYTES = 64 * 1024;
/** What is kept while a stream runs, so that no stream can fill the memory. */
const MAX_KEPT_CHARS = 256 * 1024;
const MAX_ARTIFACTS = 100;

/** The parts of one artifact, in order; neighbouring texts are one. */
interface Kept {
  id: string;
  parts: ({ text: string } | { data: unknown; text: string })[];
}

/** Collects the artifacts of one remote task, bounded. Chunks of an artifact continue its text. */
export class CollectedOutput {
  #artifacts: Kept[] = [];
  #chars = 0;
  #dropped = 0;

  /** A snapshot of the task says everything that is there; what was collected before is part of it. */
  replace(artifacts: readonly Artifact[]): void {
    this.#artifacts = [];
    this.#chars = 0;
    this.#dropped = 0;
    for (const artifact of artifacts) this.add(artifact, false);
  }

  add(artifact: Artifact, append: boolean): void {
    let kept = this.#artifacts.find(({ id }) => id === artifact.artifactId);
    if (!kept) {
      if (this.#artifacts.length >= MAX_ARTIFACTS) {
        this.#dropped += artifact.parts.reduce((sum, part) => sum + renderPart(part).text.length, 0);
        return;
      }
      kept = { id: artifact.artifactId, parts: [] };
      this.#artifacts.push(kept);
    } else if (!append) {
      this.#chars -= kept.parts.reduce((sum, part) => sum + part.text.length, 0);
      kept.parts = [];
    }
    for (const part of artifact.parts) this.#push(kept, renderPart(part));
  }

  #push(kept: Kept, part: Kept['parts'][number]): void {
    if (this.#chars + part.text.length > MAX_KEPT_CHARS) {
      this.#dropped += part.text.length;
      return;
    }
    this.#chars += part.text.length;
    const last = kept.parts.at(-1);
    if (last && !('data' in last) && !('data' in part)) last.text += part.text;
    else kept.parts.push({ ...part });
  }

  get empty(): boolean {
    return this.#artifacts.every(({ parts }) => parts.length === 0);
  }

  /** The one data part as its value, where that is all there is; else everything as text. */
  value(): unknown {
    const all = this.#artifacts.flatMap(({ parts }) => parts);
    const only = all.length === 1 && this.#dropped === 0 ? all[0]! : undefined;
    if (only && 'data' in only && Buffer.byteLength(only.text) <= MAX_OUTPUT_BYTES) return only.data;
    const text = this.#artifacts
      .map(({ parts }) => parts.map((part) => part.text).join('\n'))
      .filter((each) => each !== '')
      .join('\n\n');
    return boundedText(text, this.#dropped);
  }
}

/** The text of a message: its parts in order. */
export function messageText(message: Message | undefined): string {
  return (message?.parts ?? []).map((part) => renderPart(part).text).join('\n');
}

/** A message as the output of a delegation; a single data part as its value. */
export function messageOutput(message: Message): unknown {
  const collected = new CollectedOutput();
  collected.add(
    { artifactId: 'message', name: '', description: '', parts: message.parts, metadata: undefined, extensions: [] },
    false,
  );
  return collected.value();
}

function renderPart(part: Part): Kept['parts'][number] {
  const { content } = part;
  const label = part.filename || part.mediaType || 'file';
  switch (content?.$case) {
    case 'text':
      return { text: content.value };
    case 'data':
      return { data: content.value, text: JSON.stringify(content.value) ?? 'null' };
    case 'raw':
      return { text: `[file ${label}, ${content.value.length} bytes]` };
    case 'url':
      return { text: `[file ${label}: ${content.value}]` };
    case undefined:
      return { text: '' };
  }
}

/** Cuts at 64 KB on a character border and says so. `dropped` counts characters that were not even kept. */
export function boundedText(text: string, dropped = 0): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_OUTPUT_BYTES && dropped === 0) return text;
  let end = Math.min(bytes.length, MAX_OUTPUT_BYTES);
  // A byte 10xxxxxx continues a character; the cut goes before the character's first byte.
  while (end > 0 && end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return `${bytes.subarray(0, end).toString('utf8')}\n[cut at 64 KB; the agent sent about ${bytes.length + dropped} bytes]`;
}
