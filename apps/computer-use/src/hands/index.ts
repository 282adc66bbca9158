export { Hands, type Point } from './hands.ts';
