// A Cloudflare account with databases and namespaces, as far as wrangler asks for them. It prints its address, and tells what it
// was asked at `GET /asked`. It ends with its standard input.

import http from "node:http";

const databases = [{ uuid: "11111111-1111-4111-8111-111111111111", name: "somebody-elses", version: "production" }];
const namespaces = [{ id: "0123456789abcdef0123456789abcdef", title: "somebody-elses", supports_url_encoding: true }];
const asked = [];

function answerTo(method, url, body) {
  const page = Number(url.searchParams.get("page") ?? 1);
  const listed = (all) => (page > 1 ? [] : all);
  switch (`${method} ${url.pathname.replace(/^\/accounts\/[0-9a-f]+/, "")}`) {
    case "GET /d1/database":
      return listed(databases);
    case "POST /d1/database":
      databases.push({ uuid: "22222222-2222-4222-8222-222222222222", name: body.name, version: "production" });
      return databases.at(-1);
    case "GET /storage/kv/namespaces":
      return listed(namespaces);
    case "POST /storage/kv/namespaces":
      namespaces.push({ id: "fedcba9876543210fedcba9876543210", title: body.title, supports_url_encoding: true });
      return namespaces.at(-1);
    default:
      return undefined;
  }
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  response.setHeader("content-type", "application/json");
  if (url.pathname === "/asked") return response.end(JSON.stringify(asked));
  let text = "";
  for await (const chunk of request) text += chunk;
  asked.push(`${request.method} ${url.pathname}`);
  const result = answerTo(request.method, url, text ? JSON.parse(text) : {});
  response.statusCode = result === undefined ? 404 : 200;
  const errors = result === undefined ? [{ code: 7003, message: "no such route" }] : [];
  const count = Array.isArray(result) ? result.length : 0;
  const result_info = { page: 1, per_page: 100, count, total_count: count };
  response.end(JSON.stringify({ success: result !== undefined, errors, messages: [], result: result ?? null, result_info }));
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.on("close", () => process.exit()).resume();
