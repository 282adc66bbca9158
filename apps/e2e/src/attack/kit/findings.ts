/** A broken promise, with everything that is needed to send its request again. */
export interface Finding {
  readonly batch: string;
  readonly case: string;
  /** What was found, in a sentence. */
  readonly what: string;
  /** What was sent, whole up to 20,000 characters. */
  readonly sent?: string;
  /** How to ask a generated case again: seed and path. */
  readonly replay?: string;
}

const MAX_KEPT = 500;
/** The whole generated request, so that a person can send it again. */
const MAX_SENT_CHARS = 20_000;

/** All findings, and how many cases were tried. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #tried = new Map<string, number>();
  #dropped = 0;

  tried(batch: string, cases = 1): void {
    this.#tried.set(batch, (this.#tried.get(batch) ?? 0) + cases);
  }

  add(finding: Finding): void {
    if (this.list.length >= MAX_KEPT) this.#dropped += 1;
    else this.list.push({ ...finding, ...(finding.sent ? { sent: finding.sent.slice(0, MAX_SENT_CHARS) } : {}) });
  }

  triedIn(batch: string): number {
    return this.#tried.get(batch) ?? 0;
  }

  foundIn(batch: string): number {
    return this.list.filter((finding) => finding.batch === batch).length;
  }

  get count(): number {
    return this.list.length + this.#dropped;
  }
}

/** One finding in a few lines. */
export function findingText({ batch, case: about, what, sent, replay }: Finding): string {
  const lines = [`  ${batch}: ${about}`, `    ${what}`];
  if (sent) lines.push(`    sent: ${sent.replaceAll(/\s+/g, ' ').slice(0, 300)}`);
  if (replay) lines.push(`    again: npm run attack -- ${replay}`);
  return lines.join('\n');
}
