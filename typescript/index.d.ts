import type { Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export interface ClientOptions {
  /** Where the API is, as "http://localhost:8000". */
  url: string;
  /** Goes into the header X-API-Key. */
  key?: string;
  /** How often a request that may be repeated is made in all. */
  attempts?: number;
  fetch?: (request: Request) => Promise<Response>;
}

/** Every route by its path, with the types of its parameters, its body, its answer and its errors. */
export function createClient(options: ClientOptions): Client<paths>;

export type Schemas = components["schemas"];
export type { paths };
