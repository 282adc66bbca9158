/* Names under which app.ts gives its plain objects to the controllers. */
export const BUS = Symbol('bus');
export const CONFIG = Symbol('config');
export const METRICS = Symbol('metrics');
