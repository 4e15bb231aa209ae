/**
 * Real clients move real trees through the lab's edge: from the clients' namespace to the public
 * address, past both security groups and the guest firewall, into the delivered server and back.
 */
import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "../../lab/programs.ts";
import { describeNetwork } from "../support/network-level.ts";
import { LabStack, PROJECT_FOLDER } from "../support/lab-stack.ts";
import {
  CLIENTS,
  TLS_MODES,
  type ClientName,
  type PassiveVerb,
  type TlsMode,
} from "./client-commands.ts";

/** Headers of Node: 2,800 files in 600 folders, on every machine that the tests run on. */
const LARGE_TREE = join(PROJECT_FOLDER, "node_modules", `node-linux-${process.arch}`, "include");
/** 230 files. */
const SMALL_TREE = join(PROJECT_FOLDER, "node_modules", "yaml");
/** On a busy machine thousands of handshakes take their time. */
const LARGE_TIMEOUT_MILLISECONDS = 600_000;

const other = (passive: PassiveVerb): PassiveVerb => (passive === "EPSV" ? "PASV" : "EPSV");

/** The large tree once with each client; together they cover every mode and both verbs. */
const LARGE: readonly (readonly [ClientName, TlsMode, PassiveVerb])[] = [
  ["lftp", "explicit", "EPSV"],
  ["ftplib", "implicit", "PASV"],
  ["basic-ftp", "plain", "EPSV"],
  ["curl", "explicit", "PASV"],
];
/** The small one in all other modes. */
const SMALL = LARGE.flatMap(([client, used, passive]) =>
  TLS_MODES.filter((mode) => mode !== used).map(
    (mode, index) => [client, mode, index === 0 ? other(passive) : passive] as const,
  ),
);

describeNetwork("through the lab's edge", () => {
  let stack: LabStack;
  let scratch: string;
  let trips = 0;

  beforeAll(async () => {
    stack = await LabStack.up({
      level: "network",
      settings: { tls: { controlPolicy: "allow", dataPolicy: "allow" }, probe: { mode: "off" } },
    });
    scratch = await mkdtemp(join(tmpdir(), "gangway-interop-"));
  });

  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    await rm(scratch, { recursive: true, force: true });
  });

  const portOf = (mode: TlsMode) => {
    const { implicitTlsPort, controlPort } = stack.settings;
    return mode === "implicit" ? (implicitTlsPort ?? controlPort) : controlPort;
  };

  const login = () => ({
    host: stack.address,
    user: stack.credentials.account,
    password: stack.credentials.password,
  });

  /** Differences between two folders, as diff(1) sees them. */
  async function difference(a: string, b: string): Promise<string> {
    const { output, error } = await runProgram(["diff", "--recursive", "--brief", a, b]);
    return output + error;
  }

  async function roundTrip(
    client: ClientName,
    mode: TlsMode,
    passive: PassiveVerb,
    local: string,
  ): Promise<void> {
    const remote = `tree-${String(++trips)}`;
    const back = join(scratch, remote);
    const trip = { ...login(), port: portOf(mode), mode, passive, local, remote, back };
    for (const { words, input } of CLIENTS[client](trip)) {
      const { exitCode, error } = await stack.run(words, input);
      expect(error).toBe("");
      expect(exitCode).toBe(0);
    }
    expect(await difference(local, join(stack.machine.dataFolder, remote))).toBe("");
    expect(await difference(local, back)).toBe("");
    await rm(back, { recursive: true });
    await rm(join(stack.machine.dataFolder, remote), { recursive: true });
  }

  it("has several thousand files to move", () => {
    const entries = readdirSync(LARGE_TREE, { recursive: true, withFileTypes: true });
    expect(entries.filter((entry) => entry.isFile()).length).toBeGreaterThan(2500);
  });

  it.each(LARGE)(
    "%s moves several thousand files, %s, %s",
    async (client, mode, passive) => {
      await roundTrip(client, mode, passive, LARGE_TREE);
    },
    LARGE_TIMEOUT_MILLISECONDS,
  );

  it.each(SMALL)("%s moves a package, %s, %s", async (client, mode, passive) => {
    await roundTrip(client, mode, passive, SMALL_TREE);
  });

  describe("a file of more than a gibibyte", () => {
    const BYTES = 1024 ** 3 + 12_345_678;
    let large: string;
    let hash: string;

    beforeAll(async () => {
      await mkdir(scratch, { recursive: true });
      // Zeros from a hole in the file, made unlike each other by a cipher.
      const zeros = join(scratch, "zeros");
      await writeFile(zeros, "");
      await truncate(zeros, BYTES);
      large = join(scratch, "large");
      const key = "0".repeat(32);
      const cipher = ["openssl", "enc", "-aes-128-ctr", "-K", key, "-iv", key] as const;
      expect(await runProgram([...cipher, "-in", zeros, "-out", large])).toMatchObject({
        exitCode: 0,
      });
      hash = await sha256(large);
    });

    async function sha256(file: string): Promise<string> {
      const { output } = await runProgram(["sha256sum", file]);
      return output.slice(0, 64);
    }

    it.each(TLS_MODES)("goes up and down, %s", async (mode) => {
      const { host, user, password } = login();
      const scheme = mode === "implicit" ? "ftps" : "ftp";
      const url = `${scheme}://${user}:${password}@${host}:${String(portOf(mode))}/large-${mode}`;
      const curl = ["curl", "--silent", "--show-error", "--insecure"];
      const secure = mode === "explicit" ? ["--ssl-reqd"] : [];
      const stored = join(stack.machine.dataFolder, `large-${mode}`);
      const up = await stack.run([...curl, ...secure, "--upload-file", large, url]);
      expect(up).toEqual({ exitCode: 0, output: "", error: "" });
      expect(await sha256(stored)).toBe(hash);
      const line = [...curl, ...secure, url].map((word) => `'${word}'`).join(" ");
      const down = await stack.run(["sh", "-c", `${line} | sha256sum`]);
      expect(down.error).toBe("");
      expect(down.output.slice(0, 64)).toBe(hash);
      await rm(stored);
    });
  });
});
