/** Words of the field, in the singular, that name files and classes and need no entry in docs/glossary.md. */
const WORDS = `
  ability abort accept access account address answer api app append approve argument arithmetic assembler auth back
  backoff backup batcher behalf bench blocked blocking body bound breaker bucket builder calculator calendar call
  canonical capability certificate challenged chaos char check child chunk client clock cluster column commit
  completion component config connect connection console content controller cookie coordinate copy credential cut data
  debug decide define definition demo depth dialogue digest directory disk dispatcher doc done downstream end entry
  environment error failure fault feature fetch field file filter fit flag folder follow function gateway glob granted
  guard guarded handler header health help hook host id idempotency index instrument interrupt judge key launch legacy
  level lifecycle limit line list lock logger main manager map memory message metadata method metric migrate mistake
  model module name needed nested note on operation option orchestrate orchestrator origin outcome outgoing output
  paint pair parse password path pattern payload piece pipe pixel png policy port price problem process program prompt
  protocol pull question queue raw read reader readiness ready reason record recover refused register registration
  reply report restore result resume route row rule scanner schema script search secret segment sentinel server
  service session set setting settle signature size socket source span spec state statement stop stopped store system
  table tail taken telemetry text timeout to token traffic truncate unreachable unreached unreadable url usage value
  variable version view watched weather write
`;

/** Names of protocols, formats and products. */
const NAMES = `
  0332 a2a audit ejabberd gmail http ibb iq jetstream json mcp nats nest openapi postgres prisma prosody redis rest rpc scram
  sdk slack sse tls ui v1 x509 xmpp
`;

export const FIELD_WORDS = new Set(`${WORDS} ${NAMES}`.trim().split(/\s+/));
