import { AppError, ModelTurnMessage, Provenance, type StepRequest, Usage } from '@switchyard/contracts';
import type { AgentTurns, Effect, Effects } from '@switchyard/store';
import { z } from 'zod';

/*
 * Stores the tool agent's decisions turn by turn, before it acts on them: after the loss of a worker, another one
 * continues the step with the same decisions and so with the same keys of calls.
 *
 * - A turn is stored before any of its calls is made. If it cannot be stored, none of them is made.
 * - A turn is decided once: if several workers perform the same step, all act on the first one's decision.
 * - The step is in doubt if the ledger has effects of it without a turn that explains them, or if a turn cannot be
 *   read.
 * - A turn belongs to one user and one step, and has at most MAX_TURN_CHARS.
 */

/** The agent's progress in its step. */
const Standing = z.object({
  /** The number of calls made. */
  calls: z.number().int(),
  /** How often each identical call was made. */
  times: z.record(z.string(), z.number().int()),
  /** Names of the tools that the model was offered. */
  offered: z.array(z.string()),
  searching: z.boolean(),
  /** The first untrusted content that the step has read. */
  heard: Provenance.nullable(),
  /** The completed calls, for people. */
  done: z.array(z.string()),
});
export type Standing = z.infer<typeof Standing>;

export const AgentTurn = z.object({
  /** The messages since the turn before; the model's answer is the last. */
  messages: z.array(ModelTurnMessage).min(1),
  /** The usage of the step so far. */
  used: Usage,
  /** The progress before the calls of this turn. */
  standing: Standing,
});
export type AgentTurn = z.infer<typeof AgentTurn>;

export interface AgentJournalParts {
  readonly turns: Pick<AgentTurns, 'keep' | 'of'>;
  readonly effects: Pick<Effects, 'ofStep'>;
}

const MAX_TURN_CHARS = 1_000_000;

/** Thrown if nobody can tell what was done in this step. */
export class StepInDoubt extends Error {}

export class AgentJournal {
  readonly #parts: AgentJournalParts;

  constructor(parts: AgentJournalParts) {
    this.#parts = parts;
  }

  /** Stores a turn before its calls are made. Returns `turn` itself, or the turn that another worker stored first. */
  async keep(step: StepRequest, number: number, turn: AgentTurn): Promise<AgentTurn> {
    const text = JSON.stringify(turn);
    if (text.length > MAX_TURN_CHARS) throw new AppError('response_too_large', 'The language model said too much.');
    const kept = await this.#parts.turns.keep(ownerOf(step), number, text);
    return kept === text ? turn : read(kept);
  }

  /** The decisions of earlier workers. */
  async recall(step: StepRequest): Promise<{ turns: AgentTurn[]; effects: ReadonlyMap<string, Effect> }> {
    const turns = (await this.#parts.turns.of(ownerOf(step))).map(read);
    const effects = await this.effects(step);
    if (turns.length === 0 && effects.size > 0) {
      const tools = [...new Set([...effects.values()].map(({ tool }) => tool))].join(', ');
      throw new StepInDoubt(`An earlier worker called ${tools}, and what it had decided is not known.`);
    }
    return { turns, effects };
  }

  /** By key: the calls of the step that began. A call that was only intended did nothing. */
  async effects({ principal, runId, stepId }: StepRequest): Promise<ReadonlyMap<string, Effect>> {
    const { tenantId, userId } = principal;
    const all = await this.#parts.effects.ofStep({ tenantId, userId, runId, stepId });
    return new Map(
      all.filter(({ state }) => state !== 'intent').map((effect) => [effect.idempotencyKey, effect] as const),
    );
  }
}

/** The user and the step to which the turns belong. */
function ownerOf({ principal: { tenantId, userId }, idempotencyKey: stepKey }: StepRequest) {
  return { tenantId, userId, stepKey };
}

function read(text: string): AgentTurn {
  try {
    return AgentTurn.parse(JSON.parse(text));
  } catch {
    throw new StepInDoubt('What an earlier worker of this step decided cannot be read.');
  }
}
