import type { FactOf } from '@switchyard/contracts';
import type { A2aMessage, A2aPart } from '@switchyard/contracts/http';

/* Messages and parts of A2A, from the words of a run. Pure. */

type Asked = FactOf<'orchestrator.approval.requested'>['data'];
type Decided = FactOf<'orchestrator.approval.decided'>['data'];

export function textPart(text: string): A2aPart {
  return { text, mediaType: 'text/plain' };
}

/** Any JSON; what JSON does not have is null. */
export function dataPart(data: unknown): A2aPart {
  return { data: data ?? null, mediaType: 'application/json' };
}

export function agentMessage(messageId: string, parts: A2aPart[]): A2aMessage {
  return { messageId, role: 'ROLE_AGENT', parts };
}

export function userMessage(messageId: string, parts: A2aPart[]): A2aMessage {
  return { messageId, role: 'ROLE_USER', parts };
}

/** Questions in words, and each as data: what a program needs to answer it. */
export function askParts(asks: readonly Asked[]): A2aPart[] {
  const words = asks.map(({ question, kind }) => (kind === 'question' ? question : `${question} (approve or deny)`));
  const data = asks.map((ask) => dataPart({ type: 'switchyard.question', ...ask }));
  return [textPart(words.join('\n')), ...data];
}

/** What a person answered. */
export function answerPart({ decision, text }: Decided): A2aPart {
  return textPart(text ?? decision);
}
