import type { StoreOwner } from './store.ts';

/*
 * What the role of each owner may do with each of its tables: what the migrations grant, as data, for the doctor, which
 * tries it. A test holds it against a migrated database.
 */

export const VERBS = ['select', 'insert', 'update', 'delete'] as const;
export type Verb = (typeof VERBS)[number];

export interface OwnerRights {
  readonly role: string;
  readonly schema: string;
  readonly tables: Readonly<Record<string, readonly Verb[]>>;
}

const EVERYTHING = VERBS;
const READ = ['select'] as const;
/** What is written is final. */
const APPEND = ['select', 'insert'] as const;
const KEEP = ['select', 'insert', 'update'] as const;

export const RIGHTS: Readonly<Record<StoreOwner, OwnerRights>> = {
  orchestrator: {
    role: 'switchyard_orchestrator',
    schema: 'orchestrator',
    tables: {
      runs: KEEP,
      run_events: APPEND,
      run_inbox: APPEND,
      blobs: APPEND,
      blob_refs: [],
      // One column of it may be changed; a whole row may not.
      dead_letters: APPEND,
      stream_positions: KEEP,
    },
  },
  'mcp-tool': {
    role: 'switchyard_mcp_tool',
    schema: 'mcp_tool',
    tables: {
      notes: EVERYTHING,
      effects: KEEP,
      agent_turns: ['select', 'insert', 'delete'],
      provider_connections: EVERYTHING,
      provider_epochs: KEEP,
      provider_logins: EVERYTHING,
      provider_registrations: EVERYTHING,
      tool_definitions: EVERYTHING,
      tool_definitions_version: ['select', 'update'],
      tool_pins: EVERYTHING,
    },
  },
  audit: {
    role: 'switchyard_audit',
    schema: 'audit',
    // Functions write them; of positions one column may be changed.
    tables: { audit_events: READ, run_summaries: READ, positions: READ },
  },
};
