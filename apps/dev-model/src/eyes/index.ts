export { look, type Seen } from './look.ts';
export { decodePng } from './picture.ts';
