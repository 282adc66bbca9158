import type { getThread, InputOf, OutputOf } from '@switchyard/contracts';
import type { Journal } from '@switchyard/store';

/** Answers questions about threads. A thread belongs to one user; to other users it looks empty. */
export class ThreadService {
  readonly #parts: { journal: Journal };

  constructor(parts: { journal: Journal }) {
    this.#parts = parts;
  }

  async get(input: InputOf<typeof getThread>): Promise<OutputOf<typeof getThread>> {
    const { principal, threadId, limit } = input;
    const { tenantId, userId } = principal;
    return { threadId, turns: await this.#parts.journal.threadTurns({ tenantId, userId, threadId, limit }) };
  }
}
