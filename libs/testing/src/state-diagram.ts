import { readFileSync } from 'node:fs';

/** One transition of a state machine. `[*]` stands for the state before the first event. */
export interface Transition {
  readonly from: string;
  readonly event: string;
  readonly to: string;
}

const DOCUMENT = new URL('../../../docs/state-machines.md', import.meta.url);
const ARROW = /^\s*(\S+) --> (\S+): (.+)$/;
const ALIAS = /^\s*state "(.+)" as (\S+)$/;

/** The labelled transitions of the Mermaid diagram under this heading of docs/state-machines.md, as sorted lines. */
export function drawnTransitions(heading: string): string[] {
  const section = readFileSync(DOCUMENT, 'utf8').split(`\n## ${heading}\n`)[1]?.split('\n## ')[0];
  const diagram = section?.match(/```mermaid\n([\s\S]*?)```/)?.[1];
  if (diagram === undefined) throw new Error(`docs/state-machines.md has no diagram under "${heading}"`);
  const lines = diagram.split('\n');
  const names = new Map<string, string>();
  for (const line of lines) {
    const alias = line.match(ALIAS);
    if (alias) names.set(alias[2]!, alias[1]!);
  }
  const nameOf = (id: string): string => names.get(id) ?? id;
  const drawn = lines.flatMap((line): Transition[] => {
    const [, from = '', to = '', label = ''] = line.match(ARROW) ?? [];
    if (from === '') return [];
    return label.split(', ').map((event) => ({ from: nameOf(from), event, to: nameOf(to) }));
  });
  return transitionLines(drawn);
}

/** Transitions in the form of `drawnTransitions`: each once, sorted, without those that stay in their state. */
export function transitionLines(transitions: Iterable<Transition>): string[] {
  const lines = new Set<string>();
  for (const { from, event, to } of transitions) if (from !== to) lines.add(`${from} --> ${to}: ${event}`);
  return [...lines].sort();
}
