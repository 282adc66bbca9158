/* Runs in the protocol AG-UI. */

export { AgUiController } from './ag-ui.controller.ts';
export { AgUiTurns } from './turn.ts';
