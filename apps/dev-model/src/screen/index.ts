export { screenCall } from './roles.ts';
