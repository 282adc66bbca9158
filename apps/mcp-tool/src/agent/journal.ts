import { AppError, ModelTurnMessage, Provenance, type StepRequest, Usage } from '@switchyard/contracts';
import type { AgentTurns, Effect, Effects } from '@switchyard/store';
import { z } from 'zod';

/*
 * What the tool agent decides in a step, kept turn by turn before it acts on it: another worker of the step goes on
 * where one was lost, with the same decisions and so with the same keys of calls.
 *
 * J1 A turn is kept before a call of it is made. Where it cannot be kept, none is made.
 * J2 A turn is decided once: of several workers that are at the same step, the first one's decision is that of all.
 * J3 Where effects of a step are in the ledger and no turn tells why, or a turn cannot be read, the step is in doubt.
 * J4 A turn belongs to one user and one step, and has at most MAX_TURN_CHARS.
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
  constructor(private readonly parts: AgentJournalParts) {}

  /** J1, J2: what is kept; `turn` itself where that is this one. */
  async keep(step: StepRequest, number: number, turn: AgentTurn): Promise<AgentTurn> {
    const text = JSON.stringify(turn);
    if (text.length > MAX_TURN_CHARS) throw new AppError('response_too_large', 'The language model said too much.');
    const kept = await this.parts.turns.keep(ownerOf(step), number, text);
    return kept === text ? turn : read(kept);
  }

  /** What earlier workers decided. */
  async recall(step: StepRequest): Promise<{ turns: AgentTurn[]; effects: ReadonlyMap<string, Effect> }> {
    const turns = (await this.parts.turns.of(ownerOf(step))).map(read);
    const effects = await this.effects(step);
    if (turns.length === 0 && effects.size > 0) {
      const tools = [...new Set([...effects.values()].map(({ tool }) => tool))].join(', ');
      throw new StepInDoubt(`An earlier worker called ${tools}, and what it had decided is not known.`); // J3
    }
    return { turns, effects };
  }

  /** By key: the calls of the step that were begun. One that was only intended did nothing. */
  async effects({ principal, runId, stepId }: StepRequest): Promise<ReadonlyMap<string, Effect>> {
    const { tenantId, userId } = principal;
    const all = await this.parts.effects.ofStep({ tenantId, userId, runId, stepId });
    return new Map(
      all.filter(({ state }) => state !== 'intent').map((effect) => [effect.idempotencyKey, effect] as const),
    );
  }
}

/** J4 */
function ownerOf({ principal: { tenantId, userId }, idempotencyKey: stepKey }: StepRequest) {
  return { tenantId, userId, stepKey };
}

function read(text: string): AgentTurn {
  try {
    return AgentTurn.parse(JSON.parse(text));
  } catch {
    throw new StepInDoubt('What an earlier worker of this step decided cannot be read.'); // J3
  }
}
