export { type A2aOverrides, createA2a } from './app.ts';
export { Config } from './config.ts';
