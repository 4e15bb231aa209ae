import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import type { Trial } from "../../../acceptance/checks.ts";
import { valueAt } from "../../../acceptance/azure/management.ts";
import { dialEcho } from "../../../acceptance/facts/echo.ts";
import { proveFlowTimeout } from "../../../acceptance/facts/flow-timeout.ts";
import {
  proveManyRules,
  proveOnePortRules,
  proveTwoPools,
} from "../../../acceptance/facts/load-balancer.ts";
import {
  proveDataDisk,
  proveFrozenCustomData,
  proveRunCommandParameters,
} from "../../../acceptance/facts/machine.ts";
import { proveSharedKeys } from "../../../acceptance/facts/shared-keys.ts";
import { fakeAzure, fakeTrial, refuse, type Answering } from "./fake-azure.ts";

describe("named parameters of a Run Command", () => {
  const withOutput = (output: (value: string) => string): Answering => {
    let value = "";
    return ({ method, body }) => {
      if (method === "PUT") value = String(valueAt(body, "properties", "parameters", 0, "value"));
      return { properties: { instanceView: { output: output(value) } } };
    };
  };

  it("are proven by the value that the script saw, and nothing of the command stays", async () => {
    const { azure, requests } = fakeAzure(withOutput((value) => `seen:${value}`));
    expect(await proveRunCommandParameters(azure)).toMatchObject({ kind: "proven" });
    expect(requests.at(-1)).toMatchObject({ method: "DELETE" });
  });

  it("are refuted by a script that saw nothing", async () => {
    const { azure } = fakeAzure(withOutput(() => "seen:"));
    expect(await proveRunCommandParameters(azure)).toMatchObject({ kind: "refuted" });
  });
});

describe("the data disk", () => {
  const saying = (message: string) => fakeAzure(() => ({ value: [{ message }] })).azure;
  const MOUNTED = "/dev/nvme0n2p1 /srv/gangway";

  it("is proven on NVMe only", async () => {
    const nvme = `lrwxrwxrwx 1 root root 19 0 -> ../../../../nvme0n2\n${MOUNTED}`;
    expect(await proveDataDisk(saying(nvme))).toMatchObject({ kind: "proven" });
    const scsi = "lrwxrwxrwx 1 root root 12 lun0 -> ../../../sdc\n/dev/sdc1 /srv/gangway";
    expect(await proveDataDisk(saying(scsi))).toMatchObject({ kind: "notProvable" });
  });

  it("is refuted where there is no link", async () => {
    expect(await proveDataDisk(saying(MOUNTED))).toMatchObject({ kind: "refuted" });
  });
});

describe("changed customData", () => {
  it("is proven frozen by Azure's refusal, refuted by its consent", async () => {
    const refusing = fakeAzure(() => refuse(409, "PropertyChangeNotAllowed"));
    expect(await proveFrozenCustomData(refusing.azure)).toMatchObject({ kind: "proven" });
    expect(await proveFrozenCustomData(fakeAzure(() => ({})).azure)).toMatchObject({
      kind: "refuted",
    });
  });

  it("says nothing of the fact when Azure refuses for another reason", async () => {
    const { azure } = fakeAzure(() => refuse(403, "AuthorizationFailed"));
    await expect(proveFrozenCustomData(azure)).rejects.toThrow("AuthorizationFailed");
  });
});

describe("the network's flow timeout", () => {
  const NETWORK = { properties: { flowTimeoutInMinutes: 30, subnets: ["kept"] } };
  const answering =
    (minutes: number): Answering =>
    ({ method, id }) => {
      if (method !== "GET") return { value: [{ message: "" }] };
      if (id.startsWith("/network")) return NETWORK;
      return { properties: { ipAddress: "203.0.113.9", idleTimeoutInMinutes: minutes } };
    };

  /** A machine that forgets connections after so many echoes. */
  async function tryWith(echoes: number, minutes = 30) {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      let left = echoes;
      socket.on("error", () => undefined);
      socket.on("data", (data) => {
        if (left === 0) socket.resetAndDestroy();
        else socket.write(data);
        left -= 1;
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { readonly port: number };
    const { azure, requests } = fakeAzure(answering(minutes));
    try {
      const dial = (_: string, asked: number) => {
        expect(asked).toBe(50099);
        return dialEcho("127.0.0.1", port);
      };
      return { verdict: await proveFlowTimeout(fakeTrial(azure), azure, dial), requests };
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  }

  it("is proven when only the longer silence cuts, and the network is as it was", async () => {
    const { verdict, requests } = await tryWith(2);
    expect(verdict).toMatchObject({ kind: "proven" });
    const puts = requests.filter(({ method }) => method === "PUT").map(({ body }) => body);
    expect(puts).toEqual([{ properties: { flowTimeoutInMinutes: 4, subnets: ["kept"] } }, NETWORK]);
  });

  it("is refuted when the connection lives on, or dies too early", async () => {
    expect((await tryWith(3)).verdict).toMatchObject({ kind: "refuted" });
    expect((await tryWith(1)).verdict).toMatchObject({ kind: "refuted" });
  });

  it("is not tried where the address would cut first", async () => {
    await expect(tryWith(3, 5)).rejects.toThrow("cannot be told apart");
  });
});

describe("uploads without shared keys", () => {
  const allowed = (requests: readonly { readonly body: unknown }[]) =>
    requests.map(({ body }) => valueAt(body as never, "properties", "allowSharedKeyAccess"));

  it("are proven to need them by the storage's refusal; keys and settings come back", async () => {
    const { azure, requests } = fakeAzure(() => ({}));
    const ups: unknown[] = [];
    const trial = fakeTrial(azure, (settings) => {
      ups.push(settings);
      if (ups.length > 1) return Promise.resolve([]);
      return Promise.reject(new Error("403 KeyBasedAuthenticationNotPermitted"));
    });
    expect(await proveSharedKeys(trial, azure)).toMatchObject({ kind: "proven" });
    expect(allowed(requests)).toEqual([false, true]);
    expect(ups).toEqual([{ ...trial.settings, keepaliveSeconds: 45 }, trial.settings]);
  });

  it("leave the keys on after Ctrl-C, which comes while they are off", async () => {
    const { azure, requests } = fakeAzure(() => ({}));
    const leaving = new AbortController();
    const ups: unknown[] = [];
    const trial: Trial = {
      ...fakeTrial(azure, (settings) => {
        ups.push(settings);
        return Promise.resolve([]);
      }),
      signal: leaving.signal,
      wait: () => {
        leaving.abort(new Error("interrupted"));
        return Promise.reject(new Error("interrupted"));
      },
    };
    await expect(proveSharedKeys(trial, azure)).rejects.toThrow("interrupted");
    expect(allowed(requests)).toEqual([false, true]);
    expect(ups).toEqual([]);
  });

  it("are refuted to need them by an upload that works", async () => {
    const { azure, requests } = fakeAzure(() => ({}));
    expect(await proveSharedKeys(fakeTrial(azure), azure)).toMatchObject({ kind: "refuted" });
    expect(allowed(requests)).toEqual([false, true]);
  });

  it("stay undecided when the deployment fails for another reason", async () => {
    const { azure } = fakeAzure(() => ({}));
    let count = 0;
    const trial = fakeTrial(azure, () =>
      (count += 1) === 1 ? Promise.reject(new Error("quota")) : Promise.resolve([]),
    );
    await expect(proveSharedKeys(trial, azure)).rejects.toThrow("quota");
  });
});

describe("load balancers", () => {
  /** Stores what is put. */
  const storing = (): Answering => {
    const stored = new Map<string, unknown>();
    return ({ method, id, body }) => {
      if (method === "PUT") stored.set(id, body);
      return (stored.get(id) ?? {}) as never;
    };
  };

  it("are proven by what Azure stored, in a group of their own", async () => {
    const { azure, requests } = fakeAzure(storing());
    expect(await proveOnePortRules(azure)).toMatchObject({ kind: "proven" });
    expect(await proveTwoPools(azure)).toMatchObject({ kind: "proven" });
    expect(await proveManyRules(azure)).toMatchObject({
      kind: "proven",
      evidence: expect.stringContaining("1280 NAT rules") as string,
    });
    expect(requests.every(({ id }) => id.includes("gangway-acceptance-test-facts"))).toBe(true);
    expect(azure.scratch).toBe("gangway-acceptance-test-facts");
    await azure.removeScratch();
    expect(requests.at(-1)?.method).toBe("DELETE");
    expect(azure.scratch).toBeUndefined();
  });

  it("of an earlier run go by their group's name, and an absent group is none", async () => {
    const { azure, requests } = fakeAzure(() => refuse(404, "ResourceGroupNotFound"), true);
    expect(azure.scratch).toBe("gangway-acceptance-test-facts");
    await azure.removeScratch();
    expect(requests).toHaveLength(1);
    expect(azure.scratch).toBeUndefined();
  });

  it("are refuted by Azure's refusal, and undecided when it has no room", async () => {
    const refusing = (status: number): Answering => {
      return ({ id }) => (id.includes("loadBalancers") ? refuse(status, "No") : {});
    };
    expect(await proveManyRules(fakeAzure(refusing(400)).azure)).toMatchObject({ kind: "refuted" });
    await expect(proveManyRules(fakeAzure(refusing(429)).azure)).rejects.toThrow("No");
  });
});
