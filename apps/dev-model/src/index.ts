export { createDevModel } from './app.ts';
export type { DevModel, DevModelOptions } from './app.ts';
export type { RequestEntry } from './request-log.ts';
export type { Script, ScriptInput } from './script.ts';
