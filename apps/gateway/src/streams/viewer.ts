import type { Principal } from '@switchyard/contracts';
import type { DialectName } from '@switchyard/contracts/http';
import {
  a2aDialect,
  agUiDialect,
  createProjection,
  type DialectContext,
  legacyDialect,
  orchestrateDialect,
  type Projection,
  rawDialect,
  type StreamPosition,
} from '../dialects/index.ts';

const PROJECTIONS: Record<DialectName, (context: DialectContext, place: StreamPosition) => Projection> = {
  orchestrate: (context, place) => createProjection(orchestrateDialect, context, place),
  'ag-ui': (context, place) => createProjection(agUiDialect, context, place),
  legacy: (context, place) => createProjection(legacyDialect, context, place),
  raw: (context, place) => createProjection(rawDialect, context, place),
  a2a: (context, place) => createProjection(a2aDialect, context, place),
};

/** A client that is shown a run. */
export interface Viewer {
  readonly principal: Principal;
  /** Expiry of the identity, ms since 1970. */
  readonly expiresAt: number | undefined;
  readonly dialect: DialectName;
  readonly context: Omit<DialectContext, 'runId'>;
  /** The stream ends when the run waits for a person; else it stays open until the answer. */
  readonly endsAtPause: boolean;
  /** The client cannot continue by a cursor: a stream that ends before its run says that it failed. */
  readonly cannotResume?: boolean;
  /** Text while the model speaks is collected for so long; 0 or absent: it leaves at once. */
  readonly collectMs?: number;
  /** False: no text while the model speaks. */
  readonly live?: boolean;
}

/** What this client is shown of a run from `place` on. */
export function projectionFor({ dialect, context }: Viewer, runId: string, place: StreamPosition): Projection {
  return PROJECTIONS[dialect]({ ...context, runId }, place);
}

export function showsLiveText({ dialect, context, live }: Viewer): boolean {
  return (
    live !== false &&
    (dialect === 'ag-ui' || dialect === 'a2a' || (dialect === 'orchestrate' && context.view === 'all'))
  );
}
