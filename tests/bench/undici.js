// undici.js ORIGIN PATH REQUESTS CONCURRENCY: Node's fastest HTTP client, replies parsed. Prints
// requests per second and microseconds of CPU per request. The module is found through NODE_PATH.
"use strict";
const { Pool } = require("undici");
const [origin, path, requests, concurrency] = process.argv.slice(2);
const pool = new Pool(origin, { connections: Number(concurrency), pipelining: 1 });
let sent = 0;

async function ask() {
  while (sent < Number(requests)) {
    const n = sent++;
    const reply = await pool.request({
      method: "GET",
      headers: { "user-agent": "refreshd" },
      path: `${path}?format=jsonv2&lat=${n % 80}.${n % 9999991}&lon=${n % 170}.${(n * 31) % 9999991}&zoom=18&addressdetails=1`,
    });
    const place = JSON.parse(await reply.body.text());
    if (!place.display_name) throw new Error("no address");
  }
}

async function main() {
  const began = process.hrtime.bigint();
  await Promise.all(Array.from({ length: Number(concurrency) }, ask));
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const { user, system } = process.cpuUsage();
  console.log(Math.round(requests / seconds), ((user + system) / requests).toFixed(3));
  await pool.close();
}
main();
