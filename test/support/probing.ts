/** Probes of scripted servers, for tests. */
import {
  probeHost,
  type CheckReport,
  type ProbeOptions,
  type ProbeReport,
} from "../../probe/index.ts";
import {
  SCRIPTED_ACCOUNT,
  SCRIPTED_PASSWORD,
  startScriptedServer,
  type ScriptedServer,
} from "./scripted-server.ts";
import type { Script } from "./scripted-state.ts";

export const optionsFor = (server: ScriptedServer): ProbeOptions => ({
  host: server.address,
  account: SCRIPTED_ACCOUNT,
  password: SCRIPTED_PASSWORD,
  controlPort: server.controlPort,
  implicitTlsPort: server.implicitTlsPort,
  passivePorts: server.passivePorts,
  fingerprint: server.fingerprint,
});

export async function probe(
  script: Partial<Script>,
  changes: Partial<ProbeOptions> = {},
): Promise<{ report: ProbeReport; server: ScriptedServer }> {
  await using server = await startScriptedServer(script);
  return { report: await probeHost({ ...optionsFor(server), ...changes }), server };
}

export function find({ checks }: ProbeReport, id: string): CheckReport {
  const found = checks.find((check) => check.id === id);
  if (found === undefined) throw new Error(`no check ${id}`);
  return found;
}

export const idsOf = ({ checks }: ProbeReport, outcome: string) =>
  checks.filter((check) => check.outcome === outcome).map(({ id }) => id);
