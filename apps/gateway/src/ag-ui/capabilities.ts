/** GET /ag-ui/capabilities: the features that an AG-UI client can use here. */
export const CAPABILITIES = {
  identity: {
    name: 'Switchyard',
    type: 'orchestrator',
    description: 'Plans a task and acts through tools and other agents.',
    version: '0.1.0',
  },
  transport: { streaming: true, websocket: false, httpBinary: false, pushNotifications: false, resumable: true },
  tools: { supported: true, parallelCalls: true, clientProvided: true },
  output: { structuredOutput: false, supportedMimeTypes: ['text/plain'] },
  state: { snapshots: false, deltas: false, memory: true, persistentState: true },
  multiAgent: { supported: true, delegation: true, handoffs: false },
  reasoning: { supported: false },
  multimodal: { input: { image: true, audio: false, video: false, pdf: false, file: false } },
  humanInTheLoop: { supported: true, approvals: true, interrupts: true, approveWithEdits: true },
} as const;
