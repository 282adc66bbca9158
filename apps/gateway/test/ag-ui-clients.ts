import { HttpAgent as Agent10 } from '@ag-ui/client';
import { HttpAgent as Agent41 } from '@ag-ui/client-0.0.41';
import { HttpAgent as Agent48 } from '@ag-ui/client-0.0.48';
import { HttpAgent as Agent59 } from '@ag-ui/client-0.0.59';

/** The official clients that the gateway is tried with, the newest first; 0.0.41 and 0.0.48 know no `resume`. */
export const CLIENTS = [
  { version: '1.0.0', Agent: Agent10 as unknown as typeof Agent59 },
  { version: '0.0.59', Agent: Agent59 },
  { version: '0.0.48', Agent: Agent48 as unknown as typeof Agent59 },
  { version: '0.0.41', Agent: Agent41 as unknown as typeof Agent59 },
];
