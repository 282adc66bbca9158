export { type ComputerUseOverrides, createComputerUse } from './app.ts';
export type { ActOutcome, Computer, ComputerBackend, Frame, SessionRequest, UiElement } from './computer/index.ts';
export { X11Backend, type X11BackendOptions } from './x11/index.ts';
export { Config } from './config.ts';
