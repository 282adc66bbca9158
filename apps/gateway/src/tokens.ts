/* Injection tokens for the plain objects that app.ts gives to the controllers. */
export const BUS = Symbol('bus');
export const CONFIG = Symbol('config');
export const METRICS = Symbol('metrics');
