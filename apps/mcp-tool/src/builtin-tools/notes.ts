import type { Notes } from '@switchyard/store';
import { z } from 'zod';
import { defineTool, type Tool, ToolError } from '../tool/index.ts';

const Name = z.string().trim().min(1).max(200).describe('Name of the note, unique for this user');

/** Notes of a user, kept in PostgreSQL; other users cannot see them. */
export function noteTools(notes: Notes): Tool[] {
  const addNote = defineTool({
    name: 'add_note',
    aliases: ['add_note_tool'],
    description: 'Save a note under a name. A note of the same name is replaced.',
    provider: 'notes',
    kind: 'write',
    idempotency: 'key',
    input: z.object({ name: Name, body: z.string().min(1).max(20_000).describe('Text of the note') }),
    output: z.object({ name: z.string(), saved: z.literal(true) }),
    timeoutMs: 5_000,
    run: async ({ name, body }, { principal }) => {
      await notes.put(principal, name, body);
      return { name, saved: true as const };
    },
  });

  const getNote = defineTool({
    name: 'get_note',
    aliases: ['get_note_tool'],
    description: 'Read a note that was saved before, by its name.',
    provider: 'notes',
    kind: 'read',
    idempotency: 'safe',
    input: z.object({ name: Name }),
    output: z.object({ name: z.string(), body: z.string() }),
    timeoutMs: 5_000,
    run: async ({ name }, { principal }) => {
      const note = await notes.get(principal, name);
      if (note) return { name: note.name, body: note.body };
      const known = (await notes.list(principal, { limit: 20 })).map((other) => other.name);
      throw new ToolError(
        `There is no note "${name}". ${known.length === 0 ? 'No notes are saved.' : `Saved: ${known.join(', ')}.`}`,
      );
    },
  });

  const deleteNote = defineTool({
    name: 'delete_note',
    description: 'Delete a note for good, by its name.',
    provider: 'notes',
    kind: 'destructive',
    idempotency: 'key',
    requiresApproval: true,
    input: z.object({ name: Name }),
    output: z.object({ name: z.string(), deleted: z.boolean() }),
    timeoutMs: 5_000,
    run: async ({ name }, { principal }) => ({ name, deleted: await notes.remove(principal, name) }),
  });

  return [addNote, getNote, deleteNote];
}
