/** Facts that the topology of several machines will rest on: the shape of a load balancer's rules. */
import { API, type AzureAccess } from "../azure/access.ts";
import { AzureRefused, valueAt, type Json, type JsonRecord } from "../azure/management.ts";
import { proven, refuted, type Verdict } from "../checks.ts";

const FIRST_PORT = 50_000;
const QUERY = `api-version=${API.network}`;
const SLOTS = 5;
const SLICE = 256;

/** NAT rules of version 2, each for one port of one member's slice. */
export async function proveOnePortRules(azure: AzureAccess): Promise<Verdict> {
  return unlessRefused(async () => {
    const balancer = await putBalancer(azure, "one-port", 1, 4);
    const stored = await azure.management.request("GET", `${balancer}?${QUERY}`);
    const rules = valueAt(stored, "properties", "inboundNatRules");
    const ranges = (Array.isArray(rules) ? (rules as readonly Json[]) : []).map((rule) =>
      ["frontendPortRangeStart", "frontendPortRangeEnd", "backendPort"].map((name) =>
        valueAt(rule, "properties", name),
      ),
    );
    const seen = `Azure stored (first and last frontend port, backend port): ${JSON.stringify(ranges)}. Packets were not sent.`;
    const holds = ranges.length === 4 && ranges.every(([a, b, c]) => a === b && b === c);
    return holds ? proven(seen) : refuted(seen);
  });
}

/** A network interface in the pool of all and in one of its own. */
export async function proveTwoPools(azure: AzureAccess): Promise<Verdict> {
  return unlessRefused(async () => {
    const { management, location } = azure;
    const balancer = await putBalancer(azure, "two-pools", 1, 1);
    const group = await azure.scratchGroup();
    const network = `${group}/providers/Microsoft.Network/virtualNetworks/facts`;
    await management.request("PUT", `${network}?${QUERY}`, {
      location,
      properties: {
        addressSpace: { addressPrefixes: ["10.30.0.0/24"] },
        subnets: [{ name: "facts", properties: { addressPrefix: "10.30.0.0/25" } }],
      },
    });
    const nic = `${group}/providers/Microsoft.Network/networkInterfaces/facts`;
    const pools = ["control", "node-0"].map((name) => ({
      id: `${balancer}/backendAddressPools/${name}`,
    }));
    await management.request("PUT", `${nic}?${QUERY}`, {
      location,
      properties: {
        ipConfigurations: [
          {
            name: "primary",
            properties: {
              subnet: { id: `${network}/subnets/facts` },
              loadBalancerBackendAddressPools: pools,
            },
          },
        ],
      },
    });
    const stored = await management.request("GET", `${nic}?${QUERY}`);
    const path = ["properties", "ipConfigurations", 0, "properties"] as const;
    const joined = valueAt(stored, ...path, "loadBalancerBackendAddressPools");
    const names = (Array.isArray(joined) ? (joined as readonly Json[]) : []).map((pool) =>
      String(valueAt(pool, "id")).split("/").at(-1),
    );
    const seen = `The interface is in the pools ${names.join(", ") || "(none)"}.`;
    return names.length === pools.length ? proven(seen) : refuted(seen);
  });
}

/** One request with as many rules as five machines need. */
export async function proveManyRules(azure: AzureAccess): Promise<Verdict> {
  return unlessRefused(async () => {
    const started = performance.now();
    await putBalancer(azure, "many-rules", SLOTS, SLICE);
    const seconds = Math.round((performance.now() - started) / 1000);
    return proven(
      `A load balancer with ${String(SLOTS * SLICE)} NAT rules, its address included, took ${String(seconds)} s.`,
    );
  });
}

async function unlessRefused(prove: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await prove();
  } catch (error) {
    // 400 and 409 are Azure's word on what was asked; anything else says nothing of the fact.
    if (error instanceof AzureRefused && (error.status === 400 || error.status === 409)) {
      return refuted(`Azure refused: ${error.message}`);
    }
    throw error;
  }
}

/** @returns its id. */
async function putBalancer(
  azure: AzureAccess,
  name: string,
  slots: number,
  slice: number,
): Promise<string> {
  const { management, location } = azure;
  const group = await azure.scratchGroup();
  const address = `${group}/providers/Microsoft.Network/publicIPAddresses/${name}`;
  await management.request("PUT", `${address}?${QUERY}`, {
    location,
    sku: { name: "Standard" },
    properties: { publicIPAllocationMethod: "Static" },
  });
  const balancer = `${group}/providers/Microsoft.Network/loadBalancers/${name}`;
  const nodes = Array.from({ length: slots }, (_, node) => `node-${String(node)}`);
  await management.request("PUT", `${balancer}?${QUERY}`, {
    location,
    sku: { name: "Standard" },
    properties: {
      frontendIPConfigurations: [
        { name: "public", properties: { publicIPAddress: { id: address } } },
      ],
      backendAddressPools: ["control", ...nodes].map((pool) => ({ name: pool })),
      inboundNatRules: nodes.flatMap((pool, node) =>
        Array.from({ length: slice }, (_, port) =>
          natRule(balancer, pool, FIRST_PORT + node * slice + port),
        ),
      ),
    },
  });
  return balancer;
}

function natRule(balancer: string, pool: string, port: number): JsonRecord {
  return {
    name: `port-${String(port)}`,
    properties: {
      frontendIPConfiguration: { id: `${balancer}/frontendIPConfigurations/public` },
      backendAddressPool: { id: `${balancer}/backendAddressPools/${pool}` },
      protocol: "Tcp",
      frontendPortRangeStart: port,
      frontendPortRangeEnd: port,
      backendPort: port,
      enableTcpReset: true,
      idleTimeoutInMinutes: 30,
    },
  };
}
