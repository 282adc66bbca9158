import { z } from 'zod';

/*
 * What `./switchyard doctor` finds out. Each part of it prints its checks, one JSON document per line; the command puts
 * them together. Fields are added, never renamed: machines read this.
 */

export const DOCTOR_GROUPS = ['machine', 'xmpp', 'peers', 'nats', 'postgres', 'redis', 'model', 'mcp', 'a2a'] as const;
export const DoctorGroup = z.enum(DOCTOR_GROUPS);
export type DoctorGroup = z.infer<typeof DoctorGroup>;

export const DoctorCheck = z.object({
  /** Stable: 1 to 24 are those of the AZTM login. 44 and 46 are told once for each MCP server and each agent. */
  number: z.number().int().min(1).max(99),
  group: DoctorGroup,
  name: z.string().max(64),
  status: z.enum(['ok', 'warn', 'fail', 'skipped']),
  /** The finding and, if something is wrong, what to do. */
  sentence: z.string().max(1_000),
  /** The evidence, unchanged except for masked secrets. */
  evidence: z.array(z.string().max(2_200)).max(64),
  ms: z.number().min(0),
});
export type DoctorCheck = z.infer<typeof DoctorCheck>;

/** The result of one check. */
export interface Finding {
  readonly status: DoctorCheck['status'];
  readonly sentence: string;
  readonly evidence?: readonly string[];
}

type Say = (sentence: string, evidence?: readonly string[]) => Finding;
export const found = {
  ok: (sentence, evidence = []) => ({ status: 'ok', sentence, evidence }),
  warn: (sentence, evidence = []) => ({ status: 'warn', sentence, evidence }),
  fail: (sentence, evidence = []) => ({ status: 'fail', sentence, evidence }),
  skipped: (sentence, evidence = []) => ({ status: 'skipped', sentence, evidence }),
  /** Not said to be well, and not shown to a person. */
  notReached: (why) => ({ status: 'skipped', sentence: `Not reached: ${why}` }),
} as const satisfies Record<string, Say>;

/** Cut to what a check may hold. */
export function toCheck(
  about: Pick<DoctorCheck, 'number' | 'group' | 'name'>,
  { status, sentence, evidence = [] }: Finding,
  ms: number,
): DoctorCheck {
  return {
    ...about,
    status,
    sentence: sentence.slice(0, 1_000),
    evidence: evidence.slice(0, 64).map((line) => line.slice(0, 2_000)),
    ms: Math.round(ms * 10) / 10,
  };
}

export const DoctorReport = z.object({
  version: z.literal(1),
  /** `config`: the configuration has to change before anything can be tried. */
  verdict: z.enum(['ok', 'warn', 'fail', 'config']),
  /** The sentence of the first failure, else of the first warning. */
  sentence: z.string().max(1_000),
  checks: z.array(DoctorCheck),
});
export type DoctorReport = z.infer<typeof DoctorReport>;

/** Exit codes: nothing to mend, something to mend, and EX_CONFIG of sysexits.h. */
export const DOCTOR_EXIT = { ok: 0, finding: 2, config: 78 } as const;
