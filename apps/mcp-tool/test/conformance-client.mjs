// What the conformance suite starts as the client under test: it hands the address of the suite's server to the service
// that runs in the test, and ends when that has used it. Usage: node conformance-client.mjs CONTROL URL
const [control, url] = process.argv.slice(2);
const { MCP_CONFORMANCE_CONTEXT: context = '{}' } = process.env;
const answer = await fetch(control, { method: 'POST', body: JSON.stringify({ url, context: JSON.parse(context) }) });
const text = await answer.text();
console.log(text);
process.exitCode = answer.ok ? 0 : 1;
