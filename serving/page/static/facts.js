// What the catalogue says of items, asked once per item: lists and histories hold ids and titles only.
import { json } from "./api.js";

const AT_ONCE = 100; // as many as one question may name
const known = new Map();

/** The facts of an item as far as they are known: title, categories, year. */
export const factsOf = (id) => known.get(id);

/** Ask for those of `ids` that are not known yet. Says whether there was something to ask. */
export async function loadFacts(ids) {
  const missing = [...new Set(ids)].filter((id) => !known.has(id));
  for (let start = 0; start < missing.length; start += AT_ONCE) {
    const query = new URLSearchParams(missing.slice(start, start + AT_ONCE).map((id) => ["item_id", id]));
    for (const [id, facts] of Object.entries(await json(`page/items?${query}`))) known.set(id, facts);
  }
  return missing.length > 0;
}

/** Forget what is known of an item that was edited. */
export const forgetFacts = (id) => known.delete(id);
