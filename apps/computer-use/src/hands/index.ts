export { type Button, Hands, type Point } from './hands.ts';
export type { XAddress } from './x-connection.ts';
