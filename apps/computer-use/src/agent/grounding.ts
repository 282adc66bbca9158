import type { ScreenPoint } from '@switchyard/contracts';
import type { UiElement } from '../computer/index.ts';

/** The words of a description: the label that it quotes, and the kind before it. */
interface Description {
  readonly label: string | undefined;
  readonly words: string;
}

/** `the button "Save"` -> label `Save`, words `the button`. */
function describe(target: string): Description {
  const quoted = /["“']([^"”']+)["”']/.exec(target);
  return { label: quoted?.[1]?.trim(), words: target.replace(quoted?.[0] ?? '', ' ').toLowerCase() };
}

/**
 * The middle of the one element that the description names: its name is the quoted label, and its role is named where
 * several have the same name. Undefined where none or several fit: another way of finding must decide.
 */
export function elementAt(target: string, elements: readonly UiElement[]): ScreenPoint | undefined {
  const { label, words } = describe(target);
  if (label === undefined) return undefined;
  const named = elements.filter(({ name }) => name.trim().toLowerCase() === label.toLowerCase());
  const ofKind = named.filter(({ role }) => words.includes(role.toLowerCase()));
  const fitting = ofKind.length > 0 ? ofKind : named;
  const [only, ...others] = fitting;
  if (!only || others.length > 0) return undefined;
  const { x, y, width, height } = only.rect;
  return { x: x + Math.floor(width / 2), y: y + Math.floor(height / 2) };
}
