/*
 * Names of PostgreSQL's WAL segments: timeline, then a number in two parts of 32 and 8 bits (segments of 16 MB). Pure.
 */

const NAME = /^([0-9A-F]{8})([0-9A-F]{8})000000([0-9A-F]{2})(\.partial)?$/;

export interface WalSegment {
  readonly file: string;
  /** The name without `.partial`: the name under which PostgreSQL asks for the segment. */
  readonly name: string;
  readonly timeline: string;
  readonly number: number;
  readonly isPartial: boolean;
}

const named = (timeline: string, number: number): string => {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
  return `${timeline}${hex(Math.floor(number / 256))}${hex(number % 256)}`;
};

/** The segment with the last byte before a WAL position such as `0/3000000`. */
export function segmentBefore(lsn: string, timeline: number): string {
  const [high = '', low = ''] = lsn.split('/');
  const place = BigInt(`0x${high}`) * 2n ** 32n + BigInt(`0x${low}`);
  return named(timeline.toString(16).toUpperCase().padStart(8, '0'), Number((place - 1n) / 2n ** 24n));
}

/** Undefined for a file that is not a segment. */
export function segmentOf(file: string): WalSegment | undefined {
  const match = NAME.exec(file);
  if (!match) return undefined;
  const [, timeline = '', high = '', low = '', partial] = match;
  const number = Number.parseInt(high, 16) * 256 + Number.parseInt(low, 16);
  return { file, name: file.slice(0, 24), timeline, number, isPartial: partial !== undefined };
}

export interface Reach {
  /** The segments from `from` on without a gap, in order; the last may be partial. */
  readonly segments: readonly WalSegment[];
  /** Segments behind a gap; a restore cannot use them. */
  readonly unreachable: number;
}

/** The segments among `files` that a recovery can use if it already has `from` to `upTo`. */
export function reachOf(files: readonly string[], from: string, upTo: string): Reach {
  const [first, last] = [segmentOf(from), segmentOf(upTo)];
  if (!first || !last) return { segments: [], unreachable: 0 };
  const known = new Map<number, WalSegment>();
  // A complete segment wins over a partial one of the same name.
  for (const segment of [...files]
    .sort()
    .reverse()
    .flatMap((file) => segmentOf(file) ?? []))
    if (segment.timeline === first.timeline && segment.number >= first.number) known.set(segment.number, segment);
  let end = last.number + 1;
  while (known.has(end)) end += 1;
  const ordered = [...known.values()].sort((a, b) => a.number - b.number);
  const segments = ordered.filter(({ number }) => number < end);
  return { segments, unreachable: ordered.length - segments.length };
}
