export { createOrchestrator, type OrchestratorOverrides } from './app.ts';
export { Config, ENGINE_VERSION, type OrchestratorConfig } from './config.ts';
