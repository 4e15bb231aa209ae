/**
 * Real clients move real trees through the lab's edge: from the clients' namespace to the public
 * address, past both security groups and the guest firewall, into the delivered server and back.
 */
import { readdirSync } from "node:fs";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Level } from "../../lab/levels.ts";
import { runProgram } from "../../lab/programs.ts";
import { describeNetwork } from "../support/network-level.ts";
import { LabStack, PROJECT_FOLDER } from "../support/lab-stack.ts";
import { isInstalled } from "../support/programs.ts";
import {
  CLIENT_PROGRAMS,
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

const NOT_INSTALLED = "the client is not installed here";
const isMissing = (client: ClientName): boolean => !isInstalled(CLIENT_PROGRAMS[client]);

const other = (passive: PassiveVerb): PassiveVerb => (passive === "EPSV" ? "PASV" : "EPSV");

/** The large tree once with each client; together they cover every mode and both verbs, TLS twice. */
const LARGE: readonly (readonly [ClientName, TlsMode, PassiveVerb])[] = [
  ["lftp", "explicit", "EPSV"],
  ["ftplib", "implicit", "PASV"],
  ["basic-ftp", "plain", "EPSV"],
  ["curl", "plain", "PASV"],
];
/** The small one in all other modes. */
const SMALL = LARGE.flatMap(([client, used, passive]) =>
  TLS_MODES.filter((mode) => mode !== used).map(
    (mode, index) => [client, mode, index === 0 ? other(passive) : passive] as const,
  ),
);

/** A stack that lets clients choose any mode, and trees that come and go. */
class ClientLab implements AsyncDisposable {
  readonly stack: LabStack;
  readonly scratch: string;
  #trips = 0;

  private constructor(stack: LabStack, scratch: string) {
    this.stack = stack;
    this.scratch = scratch;
  }

  static async open(level: Level): Promise<ClientLab> {
    const stack = await LabStack.up({
      level,
      settings: { tls: { controlPolicy: "allow", dataPolicy: "allow" }, probe: { mode: "off" } },
    });
    return new ClientLab(stack, await mkdtemp(join(tmpdir(), "gangway-interop-")));
  }

  portOf(mode: TlsMode): number {
    const { implicitTlsPort, controlPort } = this.stack.settings;
    return mode === "implicit" ? (implicitTlsPort ?? controlPort) : controlPort;
  }

  get login() {
    const { account, password } = this.stack.credentials;
    return { host: this.stack.address, user: account, password };
  }

  async roundTrip(
    client: ClientName,
    mode: TlsMode,
    passive: PassiveVerb,
    local: string,
  ): Promise<void> {
    const remote = `tree-${String(++this.#trips)}`;
    const back = join(this.scratch, remote);
    const port = this.portOf(mode);
    const trip = { ...this.login, port, mode, passive, local, remote, back };
    for (const { words, input } of CLIENTS[client](trip)) {
      const { exitCode, error } = await this.stack.run(words, input);
      expect(error).toBe("");
      expect(exitCode).toBe(0);
    }
    const stored = join(this.stack.machine.dataFolder, remote);
    expect(await difference(local, stored)).toBe("");
    expect(await difference(local, back)).toBe("");
    await rm(back, { recursive: true });
    await rm(stored, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]();
    await rm(this.scratch, { recursive: true, force: true });
  }
}

/** Differences between two folders, as diff(1) sees them. */
async function difference(a: string, b: string): Promise<string> {
  const { output, error } = await runProgram(["diff", "--recursive", "--brief", a, b]);
  return output + error;
}

describe("on loopback, at the level process", () => {
  let lab: ClientLab;

  beforeAll(async () => {
    lab = await ClientLab.open("process");
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  it.for([
    ["basic-ftp", "plain", "EPSV"],
    ["lftp", "implicit", "PASV"],
    ["ftplib", "explicit", "EPSV"],
    ["curl", "explicit", "PASV"],
  ] as const)(
    "%s moves a tree, %s, %s",
    { timeout: LARGE_TIMEOUT_MILLISECONDS },
    async ([client, mode, passive], { skip }) => {
      skip(isMissing(client), NOT_INSTALLED);
      await lab.roundTrip(client, mode, passive, SMALL_TREE);
    },
  );
});

describeNetwork("through the lab's edge", () => {
  let lab: ClientLab;

  beforeAll(async () => {
    lab = await ClientLab.open("network");
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  it("has several thousand files to move", () => {
    const entries = readdirSync(LARGE_TREE, { recursive: true, withFileTypes: true });
    expect(entries.filter((entry) => entry.isFile()).length).toBeGreaterThan(2500);
  });

  it.for(LARGE)(
    "%s moves several thousand files, %s, %s",
    { timeout: LARGE_TIMEOUT_MILLISECONDS },
    async ([client, mode, passive], { skip }) => {
      skip(isMissing(client), NOT_INSTALLED);
      await lab.roundTrip(client, mode, passive, LARGE_TREE);
    },
  );

  it.for(SMALL)("%s moves a package, %s, %s", async ([client, mode, passive], { skip }) => {
    skip(isMissing(client), NOT_INSTALLED);
    await lab.roundTrip(client, mode, passive, SMALL_TREE);
  });

  const tools = ["curl", "openssl"].every(isInstalled);
  describe.skipIf(!tools)("a file of more than a gibibyte", () => {
    const BYTES = 1024 ** 3 + 12_345_678;
    let large: string;
    let hash: string;

    beforeAll(async () => {
      // Zeros from a hole in the file, made unlike each other by a cipher.
      const zeros = join(lab.scratch, "zeros");
      await writeFile(zeros, "");
      await truncate(zeros, BYTES);
      large = join(lab.scratch, "large");
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
      const { host, user, password } = lab.login;
      const scheme = mode === "implicit" ? "ftps" : "ftp";
      const url = `${scheme}://${user}:${password}@${host}:${String(lab.portOf(mode))}/large-${mode}`;
      const curl = ["curl", "--silent", "--show-error", "--insecure"];
      const secure = mode === "explicit" ? ["--ssl-reqd"] : [];
      const stored = join(lab.stack.machine.dataFolder, `large-${mode}`);
      const up = await lab.stack.run([...curl, ...secure, "--upload-file", large, url]);
      expect(up).toEqual({ exitCode: 0, output: "", error: "" });
      expect(await sha256(stored)).toBe(hash);
      const line = [...curl, ...secure, url].map((word) => `'${word}'`).join(" ");
      const down = await lab.stack.run(["sh", "-c", `${line} | sha256sum`]);
      expect(down.error).toBe("");
      expect(down.output.slice(0, 64)).toBe(hash);
      await rm(stored);
    });
  });
});
