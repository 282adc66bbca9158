import type { Usage } from '@switchyard/contracts';
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
}

/** One answer of the model, as it came: names and arguments are not yet looked at. */
export interface ModelAnswer {
  readonly text: string;
  readonly calls: readonly ModelCall[];
  readonly usage: Usage;
  /** The part of the input tokens that came from the endpoint's cache. */
  readonly cachedInputTokens?: number;
  readonly model: string;
}

/**
 * The language model. A second implementation replaces the OpenAI protocol; the simulation uses a scripted one.
 * Throws AppError `model_unavailable` (worth trying later), `model_rejected` (not), or `cancelled`.
 */
export interface Planner {
  ask(request: ModelRequest, signal: AbortSignal): Promise<ModelAnswer>;
}
