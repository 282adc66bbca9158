import { Controller } from '@nestjs/common';
import { type Call, Handles } from '@switchyard/bus';
import {
  decideQuarantine,
  type InputOf,
  listQuarantine,
  listUpstreams,
  lookAtUpstream,
  mcpRequest,
  type OutputOf,
} from '@switchyard/contracts';
import { DiscoveredProviders } from '../../credentials/discovered/index.ts';
import { mustBe, Quarantine } from '../definitions/index.ts';
import { UpstreamRequests } from './requests.ts';

/** Answers for the MCP upstreams: their prompts and resources, their status, and quarantined definitions. */
@Controller()
export class UpstreamsHandler {
  readonly #requests: UpstreamRequests;
  readonly #quarantine: Quarantine;
  readonly #discovered: DiscoveredProviders;

  constructor(requests: UpstreamRequests, quarantine: Quarantine, discovered: DiscoveredProviders) {
    this.#requests = requests;
    this.#quarantine = quarantine;
    this.#discovered = discovered;
  }

  @Handles(mcpRequest)
  request(input: InputOf<typeof mcpRequest>, call: Call): Promise<OutputOf<typeof mcpRequest>> {
    return this.#requests.answer(input, { signal: call.signal, tell: (frame) => call.progress(frame) });
  }

  @Handles(listQuarantine)
  list(input: InputOf<typeof listQuarantine>): Promise<OutputOf<typeof listQuarantine>> {
    return this.#quarantine.list(input);
  }

  @Handles(decideQuarantine)
  decide(input: InputOf<typeof decideQuarantine>): Promise<OutputOf<typeof decideQuarantine>> {
    return this.#quarantine.decide(input);
  }

  @Handles(listUpstreams)
  upstreams(input: InputOf<typeof listUpstreams>): Promise<OutputOf<typeof listUpstreams>> {
    return Promise.resolve(this.#quarantine.upstreams(input));
  }

  @Handles(lookAtUpstream)
  async look({ principal, url }: InputOf<typeof lookAtUpstream>): Promise<OutputOf<typeof lookAtUpstream>> {
    mustBe(principal, ['admin']);
    return this.#discovered.lookAt(url);
  }
}
