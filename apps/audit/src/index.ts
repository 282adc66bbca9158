export { type AuditApp, type AuditOverrides, createAudit } from './app.ts';
export { type AuditConfig, Config } from './config.ts';
