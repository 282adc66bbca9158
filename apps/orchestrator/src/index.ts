export { createOrchestrator, type OrchestratorOverrides } from './app.ts';
export { Config, type OrchestratorConfig } from './config.ts';
