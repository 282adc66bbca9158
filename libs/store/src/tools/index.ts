/* Definitions of tools, the pins of upstream tools, and notes. */

export type { Note, NoteOwner, Notes } from './notes.ts';
export { SqlNotes } from './sql-notes.ts';
export { SqlToolDefinitions } from './sql-tool-definitions.ts';
export { SqlToolPins } from './sql-tool-pins.ts';
export type { ToolDefinitionRow, ToolDefinitions } from './tool-definitions.ts';
export type { PinnedTool, ToolPin, ToolPinChange, ToolPins } from './tool-pins.ts';
