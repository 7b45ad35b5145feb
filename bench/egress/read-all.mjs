// What a script does that brings history in one go: reads every staged row, then sets to work. Prints what it holds then, in bytes, after a collection of
// all garbage. node --expose-gc read-all.mjs <address of Campaign>
const [address] = process.argv.slice(2);
const collect = globalThis.gc;
const form = {
  grant_type: "client_credentials",
  client_id: "local-client",
  client_secret: "local-secret",
  scope: "openid",
};
const login = await fetch(`${address}/ims/token/v3`, { method: "POST", body: new URLSearchParams(form) });
const { access_token: token } = await login.json();
const headers = { authorization: `Bearer ${token}`, "x-api-key": "local-client" };
collect();
const before = process.memoryUsage().heapUsed;
const rows = [];
let next = `${address}/acme/campaign/profileAndServicesExt/cusEmailEvent?_order=lastModified&_lineCount=1000&_forcePagination=true`;
while (next) {
  const answer = await fetch(next, { headers });
  if (!answer.ok) throw new Error(`Campaign answered ${answer.status}: ${await answer.text()}`);
  const page = await answer.json();
  rows.push(...page.content);
  next = page.next?.href;
}
collect();
console.log(JSON.stringify({ rows: rows.length, held: process.memoryUsage().heapUsed - before }));
