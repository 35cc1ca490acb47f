// A typed client of Headwater's API: openapi-fetch over the types of schema.d.ts, with retries that fit.
// vendor/openapi-fetch.js is the package of that name, unchanged, so that this file runs without an installation.
import createFetchClient from "./vendor/openapi-fetch.js";

const REPEATABLE = new Set(["GET", "HEAD", "PUT", "DELETE"]);
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

/**
 * A client of the API at `url`. `key` goes into the header X-API-Key.
 *
 * A request that is refused at the door (429) is made again, up to `attempts` times in all; so is one without an
 * answer, or with 503, whose repetition changes nothing (all but POST and PATCH).
 */
export function createClient({ url, key, attempts = 4, fetch = globalThis.fetch }) {
  return createFetchClient({
    baseUrl: url,
    headers: key ? { "X-API-Key": key } : {},
    fetch: (request) => patiently(request, attempts, fetch),
  });
}

async function patiently(request, attempts, fetch) {
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt >= attempts;
    let pause = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
    try {
      const response = await fetch(request.clone());
      if (isLast || !mayRepeat(response.status, request.method)) return response;
      const asked = Number(response.headers.get("Retry-After")) * 1000;
      if (asked > 0) pause = Math.min(asked, LONGEST_PAUSE_MS);
    } catch (error) {
      if (isLast || request.signal.aborted || !REPEATABLE.has(request.method)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function mayRepeat(status, method) {
  return status === 429 || (status === 503 && REPEATABLE.has(method));
}
