import type { Note, NoteOwner, Notes } from '@switchyard/store';

/** Notes as the store keeps them, in this process. */
export function memoryNotes(): Notes {
  const notes = new Map<string, Note>();
  const key = ({ tenantId, userId }: NoteOwner, name: string) => JSON.stringify([tenantId, userId, name]);
  return {
    put: async (owner, name, body) => {
      const now = Date.now();
      const note = { name, body, createdAt: notes.get(key(owner, name))?.createdAt ?? now, updatedAt: now };
      notes.set(key(owner, name), note);
      return note;
    },
    get: async (owner, name) => notes.get(key(owner, name)),
    remove: async (owner, name) => notes.delete(key(owner, name)),
    list: async (owner, { limit = 100, after = '' } = {}) =>
      [...notes.values()]
        .filter((note) => notes.get(key(owner, note.name)) === note && note.name > after)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .slice(0, limit),
  };
}
