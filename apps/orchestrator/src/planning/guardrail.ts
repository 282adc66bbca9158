/*
 * Keyword guardrail, pure. Text and keywords are compared after NFKC, without format and combining characters, in lower
 * case, with runs of white space as one. So full-width letters, zero-width characters, soft hyphens, accents and line
 * breaks hide no keyword.
 *
 * - The gate releases text of a stream only when no keyword can still begin inside it. It holds the last characters
 *   back until more text comes or the text is complete, so it also catches a keyword that is split over pieces.
 * - After a violation the gate releases nothing more.
 */

/** The form in which texts and keywords are compared. */
function normalise(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[\p{Cf}\p{Mn}]/gu, '')
    .toLowerCase()
    .replace(/\s+/gu, ' ');
}

export interface Guardrail {
  /** False if no keyword is set: callers may skip the check. */
  readonly active: boolean;
  /** The number of the first keyword found (from 1), as a rule name; never the text itself. */
  check(text: string): string | null;
  /** A gate for one streamed text. */
  gate(): Gate;
}

export interface Gate {
  /** Takes a piece, returns what may be shown now; `violated` names the rule once a keyword was seen. */
  push(piece: string): { show: string; violated: string | null };
  /** The text is complete: returns what was held back. */
  flush(): string;
}

export function createGuardrail(keywords: readonly string[]): Guardrail {
  const rules = keywords.map((keyword) => normalise(keyword).trim()).filter((keyword) => keyword !== '');
  const check = (text: string): string | null => {
    if (rules.length === 0) return null;
    const plain = normalise(text);
    const index = rules.findIndex((rule) => plain.includes(rule));
    return index < 0 ? null : `keyword ${index + 1}`;
  };
  // Hidden characters can stretch a keyword in the raw text, so more than its own length is held back.
  const held = rules.length === 0 ? 0 : Math.max(...rules.map((rule) => rule.length)) * 4 + 16;

  return {
    active: rules.length > 0,
    check,
    gate: () => {
      let shown = 0;
      let text = '';
      let violated: string | null = null;
      return {
        push(piece) {
          if (violated) return { show: '', violated };
          text += piece;
          violated = check(text.slice(Math.max(0, shown - held)));
          const until = Math.max(shown, text.length - held);
          if (violated || until === shown) return { show: '', violated };
          const show = text.slice(shown, until);
          shown = until;
          return { show, violated };
        },
        flush() {
          const rest = violated ? '' : text.slice(shown);
          shown = text.length;
          return rest;
        },
      };
    },
  };
}
