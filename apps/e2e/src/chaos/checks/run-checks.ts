import { type Check, type Found, grouped, journals, ofType, shownId, TERMINAL } from './evidence-rows.ts';

/** Every accepted run exists once and ends once, in a journal without a gap. */
export const RUN_CHECKS = {
  lost_runs: ({ transcripts, events }) => {
    const ended = new Set(events.filter(({ type }) => type === TERMINAL).map(({ runId }) => shownId(runId)));
    return transcripts.flatMap(({ n, runIds }) =>
      runIds.filter((id) => !ended.has(id)).map((id) => [id, `accepted for client ${n}, without an end`] as const),
    );
  },

  stuck: ({ runs, transcripts }) => [
    ...runs
      .filter(({ phase }) => phase !== 'ended')
      .map(({ runId, phase }) => [runId, `still ${phase} when everything had been well for long`] as const),
    ...transcripts
      .filter(({ complete }) => !complete)
      .map(({ n, runIds, acceptedTs }) => {
        const what = acceptedTs === null ? 'never got its run accepted' : 'never saw the end of its stream';
        return [runIds[0] ?? null, `client ${n} ${what}`] as const;
      }),
  ],

  dup_runs_per_idem_key: ({ runs, transcripts }) => [
    ...[...grouped(runs, ({ userId, idempotencyKey }) => `${userId} ${idempotencyKey}`)]
      .filter(([, rows]) => rows.length > 1)
      .map(([key, rows]) => [rows[0]!.runId, `${rows.length} runs for ${key}`] as const),
    ...transcripts
      .filter(({ runIds }) => runIds.length > 1)
      .map(({ n, runIds }) => [runIds[0]!, `client ${n} was told of ${runIds.length} runs`] as const),
  ],

  conflict_accepted: ({ transcripts }) =>
    transcripts
      .filter(({ conflict }) => conflict !== null && conflict !== 409)
      .map(({ runIds, conflict }) => [runIds[0] ?? null, `another body under the same key: HTTP ${conflict}`] as const),

  client_refused: ({ transcripts }) =>
    transcripts.flatMap(({ n, runIds, refusals }) =>
      refusals.map((refusal) => [runIds[0] ?? null, `client ${n}: ${refusal}`] as const),
    ),

  log_gaps: (evidence) =>
    journals(evidence).flatMap(([runId, rows]): Found => {
      const wrong = rows.findIndex(({ seq }, at) => seq !== at + 1);
      if (wrong >= 0) return [[runId, `event ${rows[wrong]!.seq} stands at place ${wrong + 1}`] as const];
      const last = evidence.runs.find((run) => run.runId === runId)?.lastSeq;
      return last === rows.length ? [] : [[runId, `the run says ${last} events, the journal has ${rows.length}`]];
    }),

  epoch_regress: (evidence) =>
    journals(evidence).flatMap(([runId, rows]) =>
      rows
        .filter(({ epoch }, at) => at > 0 && epoch < rows[at - 1]!.epoch)
        .map(({ seq, epoch }) => [runId, `event ${seq} is of the older epoch ${epoch}`] as const),
    ),

  double_completed: (evidence) =>
    journals(evidence).flatMap(([runId, rows]): Found => {
      const ends = rows.filter(({ type }) => type === TERMINAL);
      if (ends.length > 1) return [[runId, `${ends.length} terminal events`] as const];
      const after = ends[0] === undefined ? 0 : rows.filter(({ seq }) => seq > ends[0]!.seq).length;
      return after === 0 ? [] : [[runId, `${after} events after the end`] as const];
    }),

  step_done_twice: (evidence) =>
    [...grouped(ofType(evidence, 'orchestrator.step.completed'), ({ runId, stepId }) => `${runId} ${stepId}`)]
      .filter(([, rows]) => rows.length > 1)
      .map(([, rows]) => [rows[0]!.runId, `${rows[0]!.stepId} has ${rows.length} outcomes`] as const),
} satisfies Record<string, Check>;
