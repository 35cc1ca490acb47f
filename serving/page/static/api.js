// The API, as the page asks it. A key lives in this module's memory and nowhere else.
import { texts } from "./texts.js";

let key = null;
let askForKey = async () => null;

/** How the page asks its user for a key: (whether one was refused) => Promise<string | null>. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

export class ApiError extends Error {
  /** `mayPass`: whether asking again later may help, as after a timeout. */
  constructor(message, mayPass = false) {
    super(message);
    this.mayPass = mayPass;
  }
}
class NoKeyError extends ApiError {}

/** A path with its parts escaped and its parameters; empty parameters are left out. */
export function path(parts, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(given).toString();
  return parts.map(encodeURIComponent).join("/") + (text ? `?${text}` : "");
}

async function ask(url, options = {}) {
  const sent = key;
  const headers = { ...options.headers, ...(sent ? { "X-API-Key": sent } : {}) };
  let response;
  try {
    response = await fetch(url, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(texts.unreachable, true);
  }
  if (response.status !== 401) return response;
  // Another request may have been given a key while this one was on its way.
  if (key === sent) {
    const given = await askForKey(sent !== null);
    if (given === null) throw new NoKeyError(texts.key.missing);
    key = given;
  }
  return ask(url, options);
}

/** The JSON of an answer. Throws ApiError with the problem's own sentence. */
export async function json(url, options) {
  const response = await ask(url, options);
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    const reason = body.errors?.[0]?.reason ?? "";
    const sentence = [body.detail ?? body.title ?? `${response.status}`, reason].filter(Boolean).join(": ");
    throw new ApiError(sentence, response.status >= 500);
  }
  return body;
}

export function post(url, body) {
  return json(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * Server-sent events until the signal aborts; connects again, with the last event's id.
 * EventSource does the same, but cannot send a key.
 */
export async function stream(url, { signal, onData, onState }) {
  let last = null;
  while (!signal.aborted) {
    try {
      const response = await ask(url, { signal, headers: last ? { "Last-Event-ID": last } : {} });
      if (!response.ok) throw new ApiError(`${response.status}`);
      onState("live");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        text += part.value;
        const events = text.split("\n\n");
        text = events.pop();
        for (const event of events) {
          const lines = event.split("\n");
          last = lines.find((line) => line.startsWith("id: "))?.slice(4) ?? last;
          const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
          if (data) onData(JSON.parse(data));
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof NoKeyError) {
        onState("noKey"); // asking again each second would be a nuisance
        return;
      }
    }
    onState("again");
    await sleep(1000);
  }
}
