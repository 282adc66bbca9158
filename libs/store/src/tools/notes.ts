export interface Note {
  readonly name: string;
  readonly body: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The owner of the notes. */
export interface NoteOwner {
  readonly tenantId: string;
  readonly userId: string;
}

export interface Notes {
  /** Creates a note or replaces its text. */
  put(owner: NoteOwner, name: string, body: string): Promise<Note>;
  get(owner: NoteOwner, name: string): Promise<Note | undefined>;
  /** False if there was none. */
  remove(owner: NoteOwner, name: string): Promise<boolean>;
  /** The notes of this user by name, at most `limit` (default 100), after the name `after`. */
  list(owner: NoteOwner, options?: { limit?: number; after?: string }): Promise<Note[]>;
}
