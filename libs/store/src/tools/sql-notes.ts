import { attempt, type GetPrisma } from '../postgres/index.ts';
import type { Note, NoteOwner, Notes } from './notes.ts';

const DEFAULT_LIMIT = 100;

/** Notes over PostgreSQL. Text is stored unchanged; a text with U+0000, which PostgreSQL cannot store, is refused. */
export class SqlNotes implements Notes {
  readonly #prisma: GetPrisma;

  constructor(prisma: GetPrisma) {
    this.#prisma = prisma;
  }

  async put({ tenantId, userId }: NoteOwner, name: string, body: string): Promise<Note> {
    const key = { tenantId, userId, name };
    const put = await attempt(async () =>
      (await this.#prisma()).note.upsert({
        where: { tenantId_userId_name: key },
        create: { ...key, body },
        update: { body },
      }),
    );
    return toNote(put);
  }

  async get({ tenantId, userId }: NoteOwner, name: string): Promise<Note | undefined> {
    const key = { tenantId, userId, name };
    const note = await attempt(async () =>
      (await this.#prisma()).note.findUnique({ where: { tenantId_userId_name: key } }),
    );
    return note === null ? undefined : toNote(note);
  }

  async remove({ tenantId, userId }: NoteOwner, name: string): Promise<boolean> {
    const removed = await attempt(async () =>
      (await this.#prisma()).note.deleteMany({ where: { tenantId, userId, name } }),
    );
    return removed.count > 0;
  }

  async list({ tenantId, userId }: NoteOwner, options: { limit?: number; after?: string } = {}): Promise<Note[]> {
    const { limit = DEFAULT_LIMIT, after } = options;
    const notes = await attempt(async () =>
      (await this.#prisma()).note.findMany({
        where: { tenantId, userId, ...(after === undefined ? {} : { name: { gt: after } }) },
        orderBy: { name: 'asc' },
        take: limit,
      }),
    );
    return notes.map(toNote);
  }
}

function toNote(row: { name: string; body: string; createdAt: Date; updatedAt: Date }): Note {
  return {
    name: row.name,
    body: row.body,
    createdAt: row.createdAt.getTime(),
    updatedAt: row.updatedAt.getTime(),
  };
}
