/** The stored facts about one tool of an MCP upstream. Definitions are canonical JSON. */
export interface ToolPin {
  readonly tool: string;
  /** The approved definition; null: none was approved. */
  readonly approved: string | null;
  /** A newer definition that waits for a person's decision. */
  readonly pending: string | null;
  readonly reasons: readonly string[];
  /** The SHA-256 of a definition that a person refused. */
  readonly rejected: string | null;
}

export interface PinnedTool extends ToolPin {
  readonly upstream: string;
  /** The SHA-256 of `pending`. */
  readonly pendingHash: string | null;
  /** Milliseconds since 1970. */
  readonly seenAt: number;
  readonly decidedBy: string | null;
  readonly decidedAt: number | null;
}

export type ToolPinChange =
  | { readonly tool: string; readonly become: 'approved'; readonly definition: string }
  | {
      readonly tool: string;
      readonly become: 'quarantined';
      readonly definition: string;
      readonly reasons: readonly string[];
    }
  /** The upstream offers the approved definition again: nothing waits any more. */
  | { readonly tool: string; readonly become: 'settled' };

export interface PinDecision {
  readonly upstream: string;
  readonly tool: string;
  /** The SHA-256 of the definition that was looked at. */
  readonly hash: string;
  readonly verdict: 'approve' | 'reject';
  readonly by: string;
}

export interface ToolPins {
  of(upstream: string): Promise<ToolPin[]>;
  /** Stores the definitions that were seen; returns the tools for which they are new. */
  note(upstream: string, changes: readonly ToolPinChange[]): Promise<string[]>;
  /** The definitions that wait for a person, by upstream and tool, at most `limit`, after the place `after`. */
  waiting(query: { limit: number; after?: { upstream: string; tool: string } | undefined }): Promise<PinnedTool[]>;
  get(upstream: string, tool: string): Promise<PinnedTool | undefined>;
  /** False if the definition with this hash does not wait (any more). */
  decide(decision: PinDecision): Promise<boolean>;
}
