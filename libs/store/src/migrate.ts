/** Applies the migrations that the database does not have yet. Throws with the engine's words where one fails. */
export function migrateDatabase(_url: string): Promise<void> {
  throw new Error('not there yet');
}
