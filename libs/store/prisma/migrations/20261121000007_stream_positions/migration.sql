-- How far the streams of the bus were when they were last looked at. A stream that was made anew, or is shorter than it
-- was, has lost messages (a wiped store, a power cut): runs that ended shortly before are published again, because
-- nothing that follows would ever tell a consumer of them.
CREATE TABLE "orchestrator"."stream_positions" (
    "stream" TEXT NOT NULL,
    "made" TEXT NOT NULL,
    "last_seq" BIGINT NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,
    "resend_from" TIMESTAMPTZ(3),
    "resend_until" TIMESTAMPTZ(3),
    "resend_after" TIMESTAMPTZ(3),

    CONSTRAINT "stream_positions_pkey" PRIMARY KEY ("stream")
);

-- Promises:
--  L1 A loss is noticed once, by whichever replica looks first, also where every process was restarted meanwhile.
--  L2 Looks that come within two seconds of another are passed over: they may be older than it.
--  L3 At most p_limit runs are marked in one call; the next call goes on.
create function orchestrator.note_stream(
  p_stream text, p_made text, p_last_seq float8, p_margin_ms int, p_limit int
)
returns table (lost boolean, marked int)
language plpgsql as $$
declare
  v_now timestamptz := clock_timestamp();
  v_at orchestrator.stream_positions%rowtype;
  v_lost boolean;
  v_upto timestamptz;
  v_marked int := 0;
begin
  insert into orchestrator.stream_positions (stream, made, last_seq, seen_at)
  values (p_stream, p_made, p_last_seq, v_now) on conflict do nothing;
  select * into v_at from orchestrator.stream_positions p where p.stream = p_stream for no key update;
  if v_at.seen_at > v_now - interval '2 seconds' then
    return query select false, 0; -- L2
    return;
  end if;
  v_lost := v_at.made <> p_made or v_at.last_seq > p_last_seq;
  if v_lost then
    v_at.resend_from := least(v_at.resend_from, v_at.seen_at - p_margin_ms * interval '1 millisecond');
    v_at.resend_until := v_now;
    v_at.resend_after := v_at.resend_from - interval '1 hour'; -- accepted a while before it ended
  end if;
  if v_at.resend_after is not null then
    with page as (
      select r.run_id, r.created_at from orchestrator.runs r
      where r.settled and r.expired_at is null and r.created_at > v_at.resend_after
        and r.created_at <= v_at.resend_until and r.ended_at > v_at.resend_from
      order by r.created_at limit p_limit
    ), again as (
      update orchestrator.runs r set published_seq = 0, settled = false
      from page where r.run_id = page.run_id
    )
    select count(*), max(page.created_at) into v_marked, v_upto from page;
    v_at.resend_after := case when v_marked = p_limit then v_upto end; -- L3
  end if;
  update orchestrator.stream_positions p
  set made = p_made, last_seq = p_last_seq, seen_at = v_now, resend_after = v_at.resend_after,
      resend_from = case when v_at.resend_after is not null then v_at.resend_from end,
      resend_until = case when v_at.resend_after is not null then v_at.resend_until end
  where p.stream = p_stream;
  return query select v_lost, v_marked;
end $$;

revoke all on function orchestrator.note_stream(text, text, float8, int, int) from public;
grant execute on function orchestrator.note_stream(text, text, float8, int, int) to switchyard_orchestrator;
grant select, insert, update on orchestrator.stream_positions to switchyard_orchestrator;
