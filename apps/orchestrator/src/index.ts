export { type Orchestrator, type OrchestratorOverrides, startOrchestrator } from './app.ts';
export { Config, ENGINE_VERSION, type OrchestratorConfig } from './config.ts';
