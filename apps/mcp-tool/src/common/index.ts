/* Shared parts: files of the operator, and texts and arguments in a form that can be shown or compared. */

export { canonicalJson, digestOf, shownArguments } from './call-digest.ts';
export { stripControlChars, stripControlCharsIn } from './strip-control-chars.ts';
export { InputStates } from './input-state.ts';
export { loadMcpSdk, mcpSdk } from './mcp-sdk.ts';
export { OperatorFile } from './operator-file.ts';
