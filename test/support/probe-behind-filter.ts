/**
 * Runs inside a network namespace of its own: starts a scripted server, drops what the arguments
 * say as a firewall would, probes, and prints the report as JSON.
 *
 * Arguments: `drop:PORTS` with PORTS `control`, `last` or `all`; `evidence:LAYER` makes live rows
 * in which that layer lacks the last port.
 */
import { execFileSync } from "node:child_process";
import { probeHost, type ProbeOptions } from "../../probe/index.ts";
import { SCRIPTED_ACCOUNT, SCRIPTED_PASSWORD, startScriptedServer } from "./scripted-server.ts";

const argument = (name: string) =>
  process.argv.find((text) => text.startsWith(`${name}:`))?.slice(name.length + 1);

execFileSync("ip", ["link", "set", "lo", "up"]);
await using server = await startScriptedServer();
const { controlPort, implicitTlsPort, passivePorts } = server;
const dropped = {
  control: String(controlPort),
  last: String(passivePorts.last),
  outside: `{ ${String(passivePorts.first - 1)}, ${String(passivePorts.last + 1)} }`,
  all: "1-65535",
}[argument("drop") ?? ""];
if (dropped !== undefined) {
  const rules = `table ip filter { chain in { type filter hook input priority 0; tcp dport ${dropped} drop; }; }`;
  execFileSync("nft", ["-f", "-"], { input: rules });
}

const short = argument("evidence");
const range = (first: number, last: number) => `${String(first)}-${String(last)}`;
const rows = ["subnetNsg", "nicNsg", "guestFirewall", "server"].map((layer) => ({
  layer,
  ranges: [
    range(controlPort, controlPort),
    range(implicitTlsPort, implicitTlsPort),
    range(passivePorts.first, passivePorts.last - (layer === short ? 1 : 0)),
  ],
}));
const options: ProbeOptions = {
  host: server.address,
  account: SCRIPTED_ACCOUNT,
  password: SCRIPTED_PASSWORD,
  controlPort,
  implicitTlsPort,
  passivePorts,
  fingerprint: server.fingerprint,
  timeoutSeconds: 1,
  ...(short === undefined ? {} : { evidence: () => Promise.resolve(rows) }),
};
process.stdout.write(JSON.stringify(await probeHost(options)));
