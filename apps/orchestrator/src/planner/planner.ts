import type { FinishReason, Usage } from '@switchyard/contracts';
import type { ModelMessage } from '@switchyard/run';
import type { ModelFunction } from '@switchyard/run';
import type { ModelCall } from './functions.ts';

export interface ModelRequest {
  readonly model: string;
  readonly messages: ModelMessage[];
  readonly functions: readonly ModelFunction[];
  /** The longest answer; absent: the endpoint's own limit. */
  readonly maxOutputTokens?: number;
  /** Called with each piece of text while the model speaks. */
  readonly onText: (piece: string) => void;
  /** Called with the length of what the model writes and nobody sees: reasoning and calls. */
  readonly onUnseen?: (chars: number) => void;
  /** Called before a pause that the model server asks for. */
  readonly onWait?: (wait: ModelWait) => void;
}

export interface ModelWait {
  /** How many requests of this call were refused so far. */
  readonly attempt: number;
  readonly waitMs: number;
  /** Public text. */
  readonly message: string;
}

/** One answer of the model, before names and arguments are checked. */
export interface ModelAnswer {
  readonly text: string;
  readonly calls: readonly ModelCall[];
  readonly usage: Usage;
  /** The part of the input tokens that came from the endpoint's cache. */
  readonly cachedInputTokens?: number;
  readonly model: string;
  /** Why the answer is incomplete; absent: it is complete. */
  readonly finishReason?: FinishReason;
  /** The endpoint's id for this answer, and its finish reason; for traces only. */
  readonly told?: { readonly id?: string; readonly finish?: string };
}

/**
 * The language model. A second implementation replaces the OpenAI protocol; the simulation uses a scripted one.
 * Throws AppError `cancelled`, `model_unavailable` (worth trying later), or another code of `model_*` (not).
 */
export interface Planner {
  ask(request: ModelRequest, signal: AbortSignal): Promise<ModelAnswer>;
}
