export type Tone = 'plain' | 'dim' | 'good' | 'bad' | 'plan' | 'bold';
export type Paint = (tone: Tone, text: string) => string;

const CODES: Readonly<Record<Tone, string>> = { plain: '', dim: '2', good: '32', bad: '31', plan: '36', bold: '1' };

/** Colours where a person looks: on a terminal, and not against the wish of NO_COLOR (https://no-color.org). */
export function painter(
  isTerminal: boolean | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  if (!isTerminal || environment['NO_COLOR'] || environment['TERM'] === 'dumb') return (_, text) => text;
  return (tone, text) => (CODES[tone] ? `\u001b[${CODES[tone]}m${text}\u001b[0m` : text);
}
