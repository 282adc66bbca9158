/** The version of all services: they are released together. */
export const VERSION = '0.1.0';
