// Compiled when the types are made anew, so that they are known to fit: python -m release typescript
import { createClient, type Schemas } from "./index.js";

const client = createClient({ url: "http://localhost:8000", key: "secret" });

export async function titlesFor(user: string): Promise<string[]> {
  const { data, error } = await client.GET("/v1/users/{user_id}/recommendations", {
    params: { path: { user_id: user }, query: { n: 5 } },
  });
  if (error) throw new Error(error.detail ?? error.title);
  return data.items.map((item) => item.title ?? item.item_id);
}

export async function like(user: string, item: string): Promise<Schemas["Accepted"] | undefined> {
  const { data } = await client.POST("/v1/events", {
    body: { events: [{ event_type: "like", user_id: user, item_id: item }] },
  });
  return data && "accepted" in data ? (data as Schemas["Accepted"]) : undefined;
}

// @ts-expect-error: no such route
client.GET("/v1/nothing");
