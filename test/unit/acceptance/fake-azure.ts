/** A subscription in memory: answers by method and the end of the path. */
import { AzureRefused, type Json, type JsonRecord } from "../../../acceptance/azure/management.ts";
import { openAzureAccess, type AzureAccess } from "../../../acceptance/azure/access.ts";
import type { Trial } from "../../../acceptance/checks.ts";
import { FakeEngine } from "./fake-engine.ts";

export interface Request {
  readonly method: string;
  readonly id: string;
  readonly body: JsonRecord | undefined;
}

/** Undefined: an empty answer. */
export type Answering = (request: Request) => Json | undefined;

const SUBSCRIPTION = "00000000-0000-0000-0000-000000000001";

const TYPES = {
  "azure-native:compute:VirtualMachine": "/machine",
  "azure-native:network:VirtualNetwork": "/network",
  "azure-native:network:PublicIPAddress": "/address",
  "azure-native:storage:StorageAccount": "/account",
};

export function fakeAzure(
  answer: Answering,
  resumed = false,
): { azure: AzureAccess; requests: Request[] } {
  const requests: Request[] = [];
  const engine = new FakeEngine();
  engine.resources = () =>
    Promise.resolve(Object.entries(TYPES).map(([type, id]) => ({ type, name: id, id })));
  const azure = openAzureAccess({
    engine,
    location: "westeurope",
    subscriptionId: SUBSCRIPTION,
    stack: "acceptance-test",
    resumed,
    management: {
      request: async (method, id, body) => {
        const request = { method, id, body };
        requests.push(request);
        return Promise.resolve(answer(request) ?? {});
      },
    },
  });
  return { azure, requests };
}

export const refuse = (status: number, code: string): never => {
  throw new AzureRefused(status, code, "as ordered");
};

/** A trial whose waits take no time. */
export function fakeTrial(azure: AzureAccess, up: Trial["up"] = () => Promise.resolve([])): Trial {
  return {
    engine: new FakeEngine(),
    azure,
    signal: new AbortController().signal,
    say: () => undefined,
    settings: { environment: "dev", passivePorts: "50000-50099" },
    up,
    prove: () => Promise.reject(new Error("not asked for")),
    changeServer: () => Promise.resolve(),
    wait: () => Promise.resolve(),
    settle: () => Promise.resolve(),
  };
}
