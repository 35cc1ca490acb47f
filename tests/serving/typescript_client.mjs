// Asks a running API by the TypeScript client and prints what came, as JSON: node typescript_client.mjs URL
import { createClient } from "../../typescript/index.js";

const url = process.argv[2];
const client = createClient({ url, key: "secret", attempts: 1 });
const path = { user_id: "ann" };
const list = await client.GET("/v1/users/{user_id}/recommendations", { params: { path, query: { n: 2 } } });
const ranked = await client.POST("/v1/users/{user_id}/rank", {
  params: { path },
  body: { item_ids: ["i03", "i10"] },
});
const refused = await client.GET("/v1/users/{user_id}/recommendations", {
  params: { path, query: { n: 5000 } },
});
const events = [{ event_type: "view", user_id: "ann", item_id: "i1" }];
const withoutBroker = await client.POST("/v1/events", { body: { events } });
const stranger = createClient({ url, key: "another", attempts: 1 });
const closed = await stranger.PUT("/v1/items/{entry_id}", {
  params: { path: { entry_id: "a/b c" } },
  body: { title: "Alien" },
});

// How often a client asks where it is refused twice first.
async function tries(method, status) {
  let asked = 0;
  const fetch = async () => {
    asked += 1;
    return new Response("{}", { status: asked < 3 ? status : 200, headers: { "Retry-After": "0" } });
  };
  const patient = createClient({ url, attempts: 4, fetch });
  const options = method === "POST" ? { body: { events } } : {};
  await patient[method](method === "POST" ? "/v1/events" : "/v1/popular", options);
  return asked;
}

console.log(
  JSON.stringify({
    list: list.data,
    ranked: ranked.data,
    refused: refused.error,
    withoutBroker: withoutBroker.error.status,
    closed: closed.error.status,
    tries: { busy: await tries("POST", 429), reading: await tries("GET", 503), writing: await tries("POST", 503) },
  }),
);
