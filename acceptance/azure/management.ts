/** Azure Resource Manager over HTTP, with its long-running operations waited for. */
import { setTimeout as pause } from "node:timers/promises";

/** Azure refused; `code` is its own, for example `PropertyChangeNotAllowed`. */
export class AzureRefused extends Error {
  override readonly name = "AzureRefused";
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(`${code} (HTTP ${String(status)}): ${message}`);
    this.status = status;
    this.code = code;
  }
}

export type Json = null | boolean | number | string | readonly Json[] | JsonRecord;
export interface JsonRecord {
  readonly [name: string]: Json | undefined;
}

/** What facts need of Azure Resource Manager. Ids begin with `/subscriptions/`. */
export interface Management {
  /** @throws AzureRefused, also for operations that fail after they were accepted. */
  request(
    method: "GET" | "PUT" | "PATCH" | "POST" | "DELETE",
    /** With a query, `?api-version=…` in any case. */
    id: string,
    body?: JsonRecord,
  ): Promise<Json>;
}

export interface ManagementOptions {
  readonly endpoint: string;
  /** A token that is good now; asked for before every request. */
  readonly token: () => Promise<string>;
  readonly signal: AbortSignal;
  /** Between two looks at an operation when Azure does not say. */
  readonly pollSeconds: number;
}

export function openManagement(options: ManagementOptions): Management {
  return {
    async request(method, id, body) {
      const answer = await send(options, method, new URL(id, options.endpoint), body);
      return answer.finishedBy === undefined ? answer.content : await follow(options, answer);
    },
  };
}

interface Answer {
  readonly content: Json;
  /** Where to look until the operation has ended. */
  readonly finishedBy: URL | undefined;
  /** Whether that place tells a status, or else is 202 until the end. */
  readonly tellsStatus: boolean;
  readonly waitSeconds: number | undefined;
  readonly status: number;
}

async function send(
  { token, signal, endpoint }: ManagementOptions,
  method: string,
  url: URL,
  body?: JsonRecord,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    signal,
    headers: {
      authorization: `Bearer ${await token()}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const content = parse(text);
  if (!response.ok) throw refusal(response.status, content, text);
  const operation = response.headers.get("azure-asyncoperation");
  const location = response.headers.get("location");
  const accepted = response.status === 202 || (response.status === 201 && operation !== null);
  const place = operation ?? location;
  const wait = Number(response.headers.get("retry-after") ?? Number.NaN);
  return {
    content,
    finishedBy:
      place !== null && (accepted || operation !== null) && method !== "GET"
        ? new URL(place, endpoint)
        : undefined,
    tellsStatus: operation !== null,
    waitSeconds: Number.isFinite(wait) ? wait : undefined,
    status: response.status,
  };
}

/** @see https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations */
async function follow(options: ManagementOptions, first: Answer): Promise<Json> {
  const { finishedBy, tellsStatus } = first;
  let wait = first.waitSeconds;
  for (;;) {
    await pause((wait ?? options.pollSeconds) * 1000, undefined, { signal: options.signal });
    if (finishedBy === undefined) return first.content;
    const seen = await send(options, "GET", finishedBy);
    wait = seen.waitSeconds;
    if (!tellsStatus) {
      if (seen.status === 202) continue;
      return seen.content;
    }
    const status = recordOf(seen.content)["status"];
    if (status === "Failed" || status === "Canceled") {
      throw refusal(seen.status, seen.content, status);
    }
    // Actions carry their result in the operation; PUT and PATCH need none of it.
    if (status === "Succeeded") return seen.content;
  }
}

function parse(text: string): Json {
  if (text === "") return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text; // a proxy's page, not Azure's answer
  }
}

function refusal(status: number, content: Json, text: string): AzureRefused {
  const error = recordOf(recordOf(content)["error"]);
  const { code, message } = error;
  return new AzureRefused(
    status,
    typeof code === "string" ? code : "Unknown",
    typeof message === "string" ? message : text.slice(0, 500),
  );
}

export function recordOf(value: Json | undefined): JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonRecord)
    : {};
}

/** The value at a path of names and numbers; undefined where the path leads nowhere. */
export function valueAt(value: Json | undefined, ...path: readonly (string | number)[]): Json {
  let here: Json | undefined = value;
  for (const step of path) {
    here =
      typeof step === "number"
        ? Array.isArray(here)
          ? here[step]
          : undefined
        : recordOf(here)[step];
  }
  return here ?? null;
}
