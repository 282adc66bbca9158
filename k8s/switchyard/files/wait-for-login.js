const { Client } = require('pg');
const until = Date.now() + 1000 * Number(process.env.WAIT_SECONDS);
// One URL for each server that DATABASE_URL names.
const [, login, hosts, rest] = /^([^/]*\/\/(?:[^@/]*@)?)([^/?]*)(.*)$/.exec(process.env.DATABASE_URL);
const servers = hosts.split(',').map((host) => login + host + rest);
const look = async () => {
  const answers = await Promise.all(servers.map(lookAt));
  return answers.includes(undefined) ? undefined : answers[0];
};
async function lookAt(connectionString) {
  const client = new Client({ connectionString, connectionTimeoutMillis: 3000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.end();
    return undefined;
  } catch (error) {
    await client.end().catch(() => {});
    return error.code || error.message;
  }
}
(async () => {
  for (let said; ; await new Promise((resolve) => setTimeout(resolve, 1000))) {
    const why = await look();
    if (why === undefined) return;
    if (why !== said) console.error(`The login is not there yet (${why}).`);
    said = why;
    if (Date.now() > until) process.exit(1);
  }
})();
