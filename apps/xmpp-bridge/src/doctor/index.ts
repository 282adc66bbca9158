/* The diagnosis of the login and of peers. */

export { diagnose } from './doctor.ts';
