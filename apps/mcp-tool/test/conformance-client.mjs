// What the conformance suite starts as the client under test: it hands the address of the suite's server to the service
// that runs in the test, and ends when that has used it. Usage: node conformance-client.mjs CONTROL [SCENARIOS/] URL
const [control, ...rest] = process.argv.slice(2);
const url = rest.at(-1);
const only = rest.length > 1 ? rest[0] : '';
const { MCP_CONFORMANCE_CONTEXT: context = '{}', MCP_CONFORMANCE_SCENARIO: scenario = '' } = process.env;
if (scenario.startsWith(only)) {
  const body = JSON.stringify({ url, scenario, context: JSON.parse(context) });
  const answer = await fetch(control, { method: 'POST', body });
  const text = await answer.text();
  console.log(text);
  process.exitCode = answer.ok ? 0 : 1;
}
