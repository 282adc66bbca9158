import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { type XmppStatus, xmppStatus } from '@switchyard/contracts';
import { Bridge } from './bridge.ts';

@Controller()
export class StatusHandler {
  constructor(private readonly bridge: Bridge) {}

  @Handles(xmppStatus)
  status(): Promise<XmppStatus> {
    return Promise.resolve(this.bridge.status());
  }
}
