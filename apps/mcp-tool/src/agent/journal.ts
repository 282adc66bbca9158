import { AppError, ModelTurnMessage, Provenance, type StepRequest, Usage } from '@switchyard/contracts';
import type { AgentTurns, Effect, Effects } from '@switchyard/store';
import { z } from 'zod';

/*
 * What the tool agent decides in a step, kept turn by turn before it acts on it: another worker of the step goes on
 * where one was lost, with the same decisions and so with the same keys of calls.
 *
 * - A turn is kept before any of its calls is made. Where it cannot be kept, none of them is made.
 * - A turn is decided once: where several workers are at the same step, all act on the decision of the first.
 * - The step is in doubt where the ledger has effects of it and no turn tells why, or where a turn cannot be read.
 * - A turn belongs to one user and one step, and has at most MAX_TURN_CHARS.
 */

/** Where the agent stands in its step. */
const Standing = z.object({
  /** Calls that were made. */
  calls: z.number().int(),
  /** How often the same was called, by what it was. */
  times: z.record(z.string(), z.number().int()),
  /** Names of the tools that the model was offered. */
  offered: z.array(z.string()),
  searching: z.boolean(),
  /** The first stranger that was heard. */
  heard: Provenance.nullable(),
  /** What was done, for people. */
  done: z.array(z.string()),
});
export type Standing = z.infer<typeof Standing>;

export const AgentTurn = z.object({
  /** What was said since the turn before; the answer of the model last. */
  messages: z.array(ModelTurnMessage).min(1),
  /** What the step has used up to here. */
  used: Usage,
  /** Before the calls of this turn. */
  standing: Standing,
});
export type AgentTurn = z.infer<typeof AgentTurn>;

export interface AgentJournalParts {
  readonly turns: Pick<AgentTurns, 'keep' | 'of'>;
  readonly effects: Pick<Effects, 'ofStep'>;
}

const MAX_TURN_CHARS = 1_000_000;

/** Nobody can say what was done in this step. */
export class StepInDoubt extends Error {}

export class AgentJournal {
  readonly #parts: AgentJournalParts;

  constructor(parts: AgentJournalParts) {
    this.#parts = parts;
  }

  /** Keeps a turn before its calls are made. Gives `turn` itself, or the turn that another worker kept first. */
  async keep(step: StepRequest, number: number, turn: AgentTurn): Promise<AgentTurn> {
    const text = JSON.stringify(turn);
    if (text.length > MAX_TURN_CHARS) throw new AppError('response_too_large', 'The language model said too much.');
    const kept = await this.#parts.turns.keep(ownerOf(step), number, text);
    return kept === text ? turn : read(kept);
  }

  /** What earlier workers decided. */
  async recall(step: StepRequest): Promise<{ turns: AgentTurn[]; effects: ReadonlyMap<string, Effect> }> {
    const turns = (await this.#parts.turns.of(ownerOf(step))).map(read);
    const effects = await this.effects(step);
    if (turns.length === 0 && effects.size > 0) {
      const tools = [...new Set([...effects.values()].map(({ tool }) => tool))].join(', ');
      throw new StepInDoubt(`An earlier worker called ${tools}, and what it had decided is not known.`);
    }
    return { turns, effects };
  }

  /** By key: the calls of the step that were begun. One that was only intended did nothing. */
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
