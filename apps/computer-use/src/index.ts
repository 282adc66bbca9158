export type { ActOutcome, Computer, ComputerBackend, Frame, SessionRequest, UiElement } from './computer/index.ts';
