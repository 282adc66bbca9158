export { createDevModel } from './app.ts';
export type { DevModel, DevModelOptions } from './app.ts';
export { MUSEUM } from './museum/index.ts';
export type { Exhibit, Outcome } from './museum/exhibit.ts';
export type { RequestEntry } from './request-log.ts';
export type { Script, ScriptInput } from './script.ts';
export { decodePng, look, type Seen } from './eyes/index.ts';
