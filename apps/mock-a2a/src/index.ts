export { createMockA2a } from './app.ts';
export type { MockA2a, MockA2aOptions } from './app.ts';
