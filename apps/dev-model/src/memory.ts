import type { Turn } from './conversation.ts';

/** Answers questions about the conversation itself from its earlier turns; undefined for any other task. */
export function answerFromHistory(task: string, history: readonly Turn[]): string | undefined {
  const fact = /\bwhat(?:'s| is| was) my ([\p{L} ]{2,40}?)\s*\??$/iu.exec(task.trim())?.[1];
  if (fact) {
    const told = [...history]
      .reverse()
      .map(({ user }) => factOf(user, fact))
      .find((value) => value !== undefined);
    if (told) return `You told me that your ${fact} is ${told}.`;
  }
  if (!asksAboutHistory(task)) return undefined;
  const turn = /\bfirst\b/i.test(task) ? history[0] : history.at(-1);
  if (!turn) return 'This is the first message of this conversation; you have not said anything before.';
  return turn.assistant === undefined
    ? `Before this you said: “${shortened(turn.user)}”.`
    : `Before this you said: “${shortened(turn.user)}”, and I answered: “${shortened(turn.assistant)}”`;
}

function asksAboutHistory(task: string): boolean {
  return (
    /\b(?:did|have) i (?:\w+ )?(?:say|said|ask|asked|tell|told|mention|mentioned|want|wanted|write|wrote)\b/i.test(
      task,
    ) ||
    /\b(?:my|the) (?:last|previous|earlier|first) (?:question|message|task|request|turn|answer)\b/i.test(task) ||
    /\b(?:did|have) you (?:say|said|answer|answered|tell|told)\b/i.test(task) ||
    /\b(?:do you remember|remind me what (?:i|you|we))\b/i.test(task)
  );
}

function factOf(text: string, fact: string): string | undefined {
  const words = fact
    .trim()
    .split(/\s+/)
    .join(String.raw`\s+`);
  return new RegExp(String.raw`\bmy ${words} (?:is|was|=)\s+([^.,;!?\n]{1,80})`, 'iu').exec(text)?.[1]?.trim();
}

function shortened(text: string): string {
  return text.length <= 600 ? text : `${text.slice(0, 600)}…`;
}
