/**
 * Upgrades of a booted machine while clients work: large transfers run through them, and others log
 * in all the time. Nobody may notice.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { createHash, randomFillSync } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MACHINE_LAYOUT } from "#contract";
import { livingRoles } from "../../../lab/processes.ts";
import { deliverServer, serviceOf } from "../../support/booted-delivery.ts";
import { LabStack } from "../../support/lab-stack.ts";
import {
  describeMachine,
  IMAGE_MILLISECONDS,
  readInMachine,
  testImage,
} from "../../support/machine-level.ts";

const LOGIN_LOOP = fileURLToPath(new URL("../../support/login-loop.mjs", import.meta.url));
const MEBIBYTE = 2 ** 20;
const FILE_BYTES = 300 * MEBIBYTE;
/** Makes the file take long enough to outlast a delivery of code, which hands over. */
const SLOW = "12M";
/** Long enough for everything else. */
const QUICK = "24M";
const DELIVERY_MILLISECONDS = 300_000;

describeMachine("an upgrade", () => {
  let stack: LabStack;
  let localFile: string;

  beforeAll(async () => {
    const image = await testImage();
    const settings = { passivePorts: "50000-50039" };
    stack = await LabStack.up({ level: "machine", image, settings });
    localFile = join(stack.folder, "large");
    await using file = await open(localFile, "w");
    const block = Buffer.alloc(MEBIBYTE);
    for (let written = 0; written < FILE_BYTES; written += MEBIBYTE) {
      await file.write(randomFillSync(block));
    }
    expect((await curl("-T", localFile, `ftp://${stack.address}/source`)).exitCode).toBe(0);
  }, IMAGE_MILLISECONDS);

  afterAll(async () => {
    const { folder } = stack;
    await stack[Symbol.asyncDispose]();
    expect(livingRoles(folder)).toEqual([]);
  });

  const read = (...command: readonly string[]) =>
    readInMachine(stack.folder, stack.machineName, ...command);
  const property = (unit: string, name: string) =>
    read("systemctl", "show", "--value", `--property=${name}`, unit);
  const stateOf = (unit: string) => property(unit, "ActiveState");
  const released = () => read("readlink", "-e", MACHINE_LAYOUT.current);
  const endOf = (unit: string) =>
    expect.poll(() => stateOf(unit), { timeout: 90_000 }).toBe("inactive");

  /** curl, as a client that trusts any certificate. */
  const curl = (...args: readonly string[]) => {
    const { account, password } = stack.credentials;
    const words = ["curl", "--silent", "--show-error", "--insecure", "--ssl-reqd"];
    return stack.run([...words, "--user", `${account}:${password}`, ...args]);
  };
  const upload = (name: string) =>
    curl("--limit-rate", SLOW, "-T", localFile, `ftp://${stack.address}/${name}`);
  const download = (name: string, rate: string, url = `ftp://${stack.address}`) =>
    curl("--limit-rate", rate, "-o", join(stack.folder, name), `${url}/source`);
  const isSame = async (file: string) =>
    expect((await stack.run(["cmp", localFile, file])).output).toBe("");

  const startLogins = async (): Promise<LoginLoop> => {
    const { account, password } = stack.credentials;
    const [program, ...args] = stack.inClient([process.execPath, LOGIN_LOOP]);
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"],
        FTP_HOST: stack.address,
        FTP_PORT: String(stack.settings.controlPort),
        FTP_USER: account,
        FTP_PASSWORD: password,
      },
    });
    return LoginLoop.of(child);
  };

  it(
    "of settings alone keeps the server's process, and the transfers in it",
    async () => {
      const service = await serviceOf(stack);
      const before = await property(service, "MainPID");
      const logins = await startLogins();
      const transfer = download("reloaded", QUICK);
      await stack.up({ logonAttempts: { failures: 7 } });
      expect(await serviceOf(stack)).toBe(service);
      expect(await property(service, "MainPID")).toBe(before);
      expect(await transfer).toMatchObject({ exitCode: 0, error: "" });
      expect((await logins.stop()).failures).toEqual([]);
      await isSame(join(stack.folder, "reloaded"));
    },
    DELIVERY_MILLISECONDS,
  );

  it(
    "refuses no connection and cuts no transfer, twice in a row",
    async () => {
      const first = await serviceOf(stack);
      const before = await released();
      const logins = await startLogins();
      const transfers = [
        upload("uploaded"),
        download("explicit", SLOW),
        download(
          "implicit",
          SLOW,
          `ftps://${stack.address}:${String(stack.settings.implicitTlsPort)}`,
        ),
      ];
      await expect
        .poll(() => read("journalctl", "-u", first, "-o", "cat", "--no-pager"))
        .toContain("source");
      expect(await deliverServer(stack, (code) => `${code}\n// second\n`)).toMatchObject({
        exitCode: 0,
      });
      const second = await serviceOf(stack);
      expect(second).not.toBe(first);
      expect(await released()).not.toBe(before);
      // The former server still has the transfers.
      expect(await stateOf(first)).toBe("active");
      // Nobody waits for it but the next delivery, which needs its place.
      expect(await deliverServer(stack, (code) => `${code}\n// third\n`)).toMatchObject({
        exitCode: 0,
      });
      expect(await serviceOf(stack)).toBe(first);
      for (const transfer of transfers) {
        expect(await transfer).toMatchObject({ exitCode: 0, error: "" });
      }
      const seen = await logins.stop();
      expect(seen.failures).toEqual([]);
      expect(seen.logins).toBeGreaterThan(20);
      for (const name of ["explicit", "implicit"]) await isSame(join(stack.folder, name));
      const hash = async (...words: readonly string[]) => (await read(...words)).split(" ")[0];
      const root = await read("find", MACHINE_LAYOUT.dataFolder, "-name", "uploaded");
      expect(await hash("sha256sum", root)).toBe(await sha256(localFile));
      await endOf(second);
      expect(await property(second, "Result")).toBe("success");
    },
    DELIVERY_MILLISECONDS,
  );

  it.each([
    ["ends", 'console.log("a server that has lost its way"); process.exit(3);'],
    [
      "never becomes ready",
      'console.log("a server that has lost its way"); setInterval(() => {}, 1000);',
    ],
  ])(
    "to a server that %s undoes itself, loudly, and clients are served on",
    async (_what, code) => {
      const service = await serviceOf(stack);
      const before = [await released(), await property(service, "MainPID")];
      const logins = await startLogins();
      const { exitCode, output } = await deliverServer(stack, () => code);
      expect(exitCode).toBe(1);
      expect(output).toContain("a server that has lost its way");
      expect(output).toContain("back at the previous release");
      expect([await released(), await property(service, "MainPID")]).toEqual(before);
      const { output: more } = await curl(`ftp://${stack.address}/`);
      expect(more).toContain("source");
      const seen = await logins.stop();
      expect(seen.failures).toEqual([]);
      expect(seen.logins).toBeGreaterThan(5);
    },
    DELIVERY_MILLISECONDS,
  );

  it(
    "to another control port cuts no transfer, and leaves nothing on the old one",
    async () => {
      const service = await serviceOf(stack);
      const oldPort = String(stack.settings.controlPort);
      const transfer = download("moved", QUICK);
      await expect
        .poll(() => read("ss", "-Htn", "state", "established", "sport", "=", `:${oldPort}`))
        .not.toBe("");
      await stack.up({ controlPort: 2121 });
      expect(await transfer).toMatchObject({ exitCode: 0, error: "" });
      await isSame(join(stack.folder, "moved"));
      await endOf(service);
      expect(await read("ss", "-Hltn", "sport", "=", `:${oldPort}`)).toBe("");
      const report = await stack.verify();
      expect(report.checks.filter(({ outcome }) => outcome === "failed")).toEqual([]);
    },
    DELIVERY_MILLISECONDS,
  );
});

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

interface Seen {
  readonly logins: number;
  readonly failures: readonly string[];
}

/** Clients that log in and out without a pause, until they are told to stop. */
class LoginLoop {
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  readonly #lines: string[] = [];

  private constructor(child: ChildProcessByStdio<null, Readable, null>) {
    this.#child = child;
  }

  static async of(child: ChildProcessByStdio<null, Readable, null>): Promise<LoginLoop> {
    const loop = new LoginLoop(child);
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => loop.#lines.push(line));
    await once(lines, "line");
    return loop;
  }

  async stop(): Promise<Seen> {
    const ended = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    await ended;
    return JSON.parse(this.#lines.at(-1) ?? "") as Seen;
  }
}
