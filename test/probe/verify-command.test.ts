/** `gangway verify` as people and the stack run it: arguments, exit codes, and where words go. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { formatRange } from "#contract";
import type { ProbeReport } from "../../probe/index.ts";
import {
  SCRIPTED_ACCOUNT,
  SCRIPTED_PASSWORD,
  startScriptedServer,
  type ScriptedServer,
} from "../support/scripted-server.ts";

const GANGWAY = fileURLToPath(new URL("../../cli/gangway.mjs", import.meta.url));

interface Ending {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function verify(
  args: readonly string[],
  { password, input = "" }: { password?: string; input?: string } = {},
): Promise<Ending> {
  const { GANGWAY_PROBE_PASSWORD: _, GANGWAY_PROBE_EVIDENCE: __, ...environment } = process.env;
  const env = {
    ...environment,
    ...(password === undefined ? {} : { GANGWAY_PROBE_PASSWORD: password }),
  };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [GANGWAY, "verify", ...args],
      { env },
      (_error, stdout, stderr) => {
        resolve({ exitCode: child.exitCode ?? -1, stdout, stderr });
      },
    );
    child.stdin?.end(input);
  });
}

const argumentsFor = (server: ScriptedServer) => [
  server.address,
  ...["--port", String(server.controlPort)],
  ...["--implicit-port", String(server.implicitTlsPort)],
  ...["--user", SCRIPTED_ACCOUNT],
  ...["--passive-range", formatRange(server.passivePorts)],
  ...["--fingerprint", server.fingerprint],
];

describe("gangway verify", () => {
  it("prints a table and ends with 0 when all holds", async () => {
    await using server = await startScriptedServer();
    const ending = await verify(argumentsFor(server), { password: SCRIPTED_PASSWORD });
    expect(ending).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ending.stdout).toContain("✓ file goes up, down and away unchanged");
    expect(ending.stdout).toContain(" 0 failed");
    expect(ending.stdout + ending.stderr).not.toContain(SCRIPTED_PASSWORD);
  });

  it("takes the password from standard input, and prints JSON for machines", async () => {
    await using server = await startScriptedServer();
    const args = [...argumentsFor(server), "--password-stdin", "--json"];
    const ending = await verify(args, { input: `${SCRIPTED_PASSWORD}\nmore\n` });
    expect(ending.exitCode).toBe(0);
    const report = JSON.parse(ending.stdout) as ProbeReport;
    expect(report.host).toBe(server.address);
    expect(report.checks.find(({ id }) => id === "login")?.outcome).toBe("passed");
  });

  it("ends with 1 and names the layer when something does not hold", async () => {
    await using server = await startScriptedServer({ advertisedAddress: "10.20.1.4" });
    const ending = await verify(argumentsFor(server), { password: SCRIPTED_PASSWORD });
    expect(ending.exitCode).toBe(1);
    expect(ending.stdout).toContain("most likely: advertisedAddress; setting: externalAddress");
  });

  it("reads exposure rows from a file, and evidence from a command", async () => {
    await using server = await startScriptedServer();
    const { controlPort, implicitTlsPort, passivePorts } = server;
    const folder = await mkdtemp(join(tmpdir(), "gangway-verify-"));
    try {
      const file = join(folder, "rows.json");
      const control = [controlPort, implicitTlsPort].map(
        (port) => `${String(port)}-${String(port)}`,
      );
      const ranges = [...control, formatRange(passivePorts)];
      await writeFile(file, JSON.stringify([{ layer: "nicNsg", ranges }]));
      const live = join(folder, "live.json");
      await writeFile(live, JSON.stringify([{ layer: "nicNsg", ranges: control }]));
      const options = { password: SCRIPTED_PASSWORD };
      const declared = await verify([...argumentsFor(server), "--exposure", file], options);
      expect(declared.exitCode).toBe(0);
      const evidence = ["--evidence", `cat '${live}'`];
      const now = await verify([...argumentsFor(server), "--exposure", file, ...evidence], options);
      expect(now.exitCode).toBe(1);
      expect(now.stdout).toContain("most likely: nicNsg; setting: passivePorts");
      await writeFile(file, "no JSON");
      const broken = await verify([...argumentsFor(server), "--exposure", file], options);
      expect(broken.exitCode).toBe(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  const usage: readonly (readonly [string, readonly string[], string])[] = [
    ["no host", [], "host"],
    ["no password", ["127.0.0.1"], "GANGWAY_PROBE_PASSWORD"],
    ["a range that is none", ["127.0.0.1", "--passive-range", "many"], "passive-range"],
    ["an inverted range", ["127.0.0.1", "--passive-range", "9-8", "--password-stdin"], "9-8"],
    ["a port that is none", ["127.0.0.1", "--port", "ftp"], "ftp"],
    ["an unknown policy", ["127.0.0.1", "--data-policy", "maybe"], "maybe"],
    ["a password as argument", ["127.0.0.1", "--password", "x"], "--password"],
  ];
  it.each(usage)("ends with 2 on %s", async (_name, args, said) => {
    const ending = await verify(args);
    expect(ending.exitCode).toBe(2);
    expect(ending.stderr).toContain(said);
    expect(ending.stderr).not.toMatch(/\n\s+at /);
  });
});
