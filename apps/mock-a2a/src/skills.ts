/** What the mock agent does for a message. Pure: the same words give the same work. */
export type Work =
  | { kind: 'answer'; text: string; waitMs: number }
  | { kind: 'message'; text: string }
  | { kind: 'data'; value: unknown }
  | { kind: 'fail'; message: string }
  | { kind: 'reject'; message: string }
  | { kind: 'ask'; question: string }
  | { kind: 'login'; message: string };

const MAX_WAIT_SECONDS = 300;

const POLITE = /^(?:(?:please|hello|hi|could you|can you|would you)[,\s]+)+/i;

/** Reads the first word of the task as the skill; what is no skill is echoed. */
export function workFor(task: string): Work {
  const text = task.trim().replace(POLITE, '');
  const [, verb = '', rest = ''] = /^([\p{L}]+)\s*[:,]?\s*([\s\S]*)$/u.exec(text) ?? [];
  switch (verb.toLowerCase()) {
    case 'uppercase':
      return answer(bare(rest).toUpperCase());
    case 'reverse':
      return answer([...bare(rest)].reverse().join(''));
    case 'summarise':
    case 'summarize':
      return answer(summary(bare(rest)));
    case 'slow':
      return slow(rest);
    case 'fail':
      return { kind: 'fail', message: bare(rest) || 'This task always fails.' };
    case 'reject':
      return { kind: 'reject', message: bare(rest) || 'This task is always rejected.' };
    case 'ask':
      return { kind: 'ask', question: bare(rest) || 'What exactly do you mean?' };
    case 'login':
      return { kind: 'login', message: 'Sign in first.' };
    case 'json':
      return { kind: 'data', value: { echo: bare(rest), characters: bare(rest).length } };
    case 'ping':
      return { kind: 'message', text: 'pong' };
    case 'echo':
      return answer(bare(rest));
    default:
      return answer(`The mock agent heard: ${task.trim()}`);
  }
}

function slow(rest: string): Work {
  const [, seconds = '1', text = ''] = /^(\d+(?:\.\d+)?)?\s*(?:s\b|seconds?\b)?\s*([\s\S]*)$/.exec(rest) ?? [];
  const waited = Math.min(Number(seconds), MAX_WAIT_SECONDS);
  return { kind: 'answer', text: bare(text) || `Done after ${waited} s`, waitMs: waited * 1_000 };
}

function answer(text: string): Work {
  return { kind: 'answer', text, waitMs: 0 };
}

/** First sentence, at most 20 words, with the number of words in all. */
function summary(text: string): string {
  const words = text.split(/\s+/).filter(Boolean);
  const sentence = /^[\s\S]*?[.!?](?=\s|$)/.exec(text)?.[0] ?? text;
  const kept = sentence.split(/\s+/).filter(Boolean);
  const short = kept.slice(0, 20).join(' ') + (kept.length > 20 ? ' …' : '');
  return `${short} (${words.length} ${words.length === 1 ? 'word' : 'words'})`;
}

function bare(text: string): string {
  return /^\s*["“'`]([\s\S]*)["”'`]\s*$/.exec(text)?.[1] ?? text.trim();
}
