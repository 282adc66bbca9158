-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "audit";

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "mcp_tool";

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "orchestrator";

-- CreateTable
CREATE TABLE "orchestrator"."runs" (
    "run_id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "thread_id" TEXT NOT NULL,
    "idempotency_key" TEXT NOT NULL,
    "request_hash" TEXT NOT NULL,
    "task" TEXT NOT NULL,
    "engine_version" INTEGER NOT NULL,
    "phase" TEXT NOT NULL,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "last_seq" INTEGER NOT NULL,
    "published_seq" INTEGER NOT NULL DEFAULT 0,
    "lease_owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "inbox_last" INTEGER NOT NULL DEFAULT 0,
    "inbox_taken" INTEGER NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "wake_at" TIMESTAMPTZ(3),
    "status" TEXT,
    "answer" TEXT,
    "completion_reason" TEXT,
    "settled" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "runs_pkey" PRIMARY KEY ("run_id")
);

-- CreateTable
CREATE TABLE "orchestrator"."run_events" (
    "run_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "type" TEXT NOT NULL,
    "step_id" TEXT,
    "body" TEXT NOT NULL,
    "parts" TEXT,
    "size" INTEGER NOT NULL,
    "ts" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "run_events_pkey" PRIMARY KEY ("run_id","seq")
);

-- CreateTable
CREATE TABLE "orchestrator"."run_inbox" (
    "run_id" TEXT NOT NULL,
    "n" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "dedup_key" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "run_inbox_pkey" PRIMARY KEY ("run_id","n")
);

-- CreateTable
CREATE TABLE "orchestrator"."blobs" (
    "sha256" TEXT NOT NULL,
    "length" INTEGER NOT NULL,
    "body" TEXT NOT NULL,

    CONSTRAINT "blobs_pkey" PRIMARY KEY ("sha256")
);

-- CreateTable
CREATE TABLE "mcp_tool"."notes" (
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "notes_pkey" PRIMARY KEY ("tenant_id","user_id","name")
);

-- CreateTable
CREATE TABLE "audit"."audit_events" (
    "id" TEXT NOT NULL,
    "n" BIGSERIAL NOT NULL,
    "ts" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "tenant_id" TEXT,
    "user_id" TEXT,
    "run_id" TEXT,
    "seq" INTEGER NOT NULL,
    "body" TEXT NOT NULL,

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit"."run_summaries" (
    "run_id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "thread_id" TEXT NOT NULL,
    "task" TEXT NOT NULL,
    "phase" TEXT NOT NULL,
    "status" TEXT,
    "completion_reason" TEXT,
    "total_steps" INTEGER NOT NULL,
    "last_seq" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "run_summaries_pkey" PRIMARY KEY ("run_id")
);

-- CreateTable
CREATE TABLE "audit"."positions" (
    "run_id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "known_seq" INTEGER NOT NULL,
    "seen_seq" INTEGER NOT NULL,
    "ended" BOOLEAN NOT NULL DEFAULT false,
    "news_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "positions_pkey" PRIMARY KEY ("run_id")
);

-- CreateIndex
CREATE INDEX "runs_thread" ON "orchestrator"."runs"("tenant_id", "user_id", "thread_id", "created_at");

-- CreateIndex
CREATE INDEX "runs_open" ON "orchestrator"."runs"("created_at") WHERE (NOT settled);

-- CreateIndex
CREATE UNIQUE INDEX "runs_idempotency" ON "orchestrator"."runs"("tenant_id", "user_id", "idempotency_key");

-- CreateIndex
CREATE UNIQUE INDEX "run_inbox_run_id_dedup_key_key" ON "orchestrator"."run_inbox"("run_id", "dedup_key");

-- CreateIndex
CREATE UNIQUE INDEX "audit_events_n_key" ON "audit"."audit_events"("n");

-- CreateIndex
CREATE INDEX "audit_events_tenant" ON "audit"."audit_events"("tenant_id", "ts", "seq", "n");

-- CreateIndex
CREATE INDEX "audit_events_run" ON "audit"."audit_events"("run_id", "seq");

-- CreateIndex
CREATE INDEX "run_summaries_tenant" ON "audit"."run_summaries"("tenant_id", "created_at", "run_id");

-- CreateIndex
CREATE INDEX "run_summaries_user" ON "audit"."run_summaries"("tenant_id", "user_id", "created_at", "run_id");

-- CreateIndex
CREATE INDEX "positions_open" ON "audit"."positions"("news_at") WHERE (NOT ended OR known_seq < seen_seq);


