/**
 * Every secret of a deployment is looked for in everything that the machine and the cloud keep of
 * it: processes, logs, files, user data, resources, outputs. Found where nobody expects it, it fails.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MACHINE_LAYOUT } from "#contract";
import { findLeader } from "../../../lab/booted/boot.ts";
import { at, isRecord, textAt, type Value } from "../../../lab/cloud/values.ts";
import { LabStack } from "../../support/lab-stack.ts";
import {
  describeMachine,
  IMAGE_MILLISECONDS,
  readInMachine,
  runInMachine,
  testImage,
} from "../../support/machine-level.ts";

/** What somebody mistypes is nearly a password. */
const MISTYPED_PASSWORD = "mistyped-7f3a9c51e2";
/** Signed tokens begin like this: the machine's own, from the metadata service, among them. */
const TOKEN = "eyJhbGciOi";
const CERTIFICATE = join(MACHINE_LAYOUT.settingsFolder, MACHINE_LAYOUT.certificatesFolder);
/** Where on the machine something could be written to; the rest is the image's. */
const FOLDERS = ["etc", "home", "opt", "root", "run", "srv", "tmp", "usr/local", "var"];

type Secret = "password" | "probe password" | "mistyped password" | "private key" | "token";
type Hash = "account's hash" | "probe's hash";

describeMachine("the secrets of a deployment", () => {
  let stack: LabStack;
  let secrets: ReadonlyMap<Secret | Hash, string>;

  beforeAll(async () => {
    const image = await testImage();
    stack = await LabStack.up({ level: "machine", image });
    // Each of them is used once: a good login, a bad one, and the probe of `up` itself.
    const { account, password, passwordHash, probePassword } = stack.credentials;
    const list = (user: string) =>
      stack.run(["curl", "-sk", "--ssl-reqd", "--user", user, `ftp://${stack.address}/`]);
    expect((await list(`${account}:${password}`)).exitCode).toBe(0);
    expect((await list(`${account}:${MISTYPED_PASSWORD}`)).exitCode).toBe(67);
    const pem = await read("sh", "-c", `cat ${CERTIFICATE}/*.pem`);
    const deployment = await read("cat", MACHINE_LAYOUT.deploymentFile);
    secrets = new Map<Secret | Hash, string>([
      ["password", password],
      ["probe password", probePassword],
      ["mistyped password", MISTYPED_PASSWORD],
      ["private key", /BEGIN[A-Z ]* PRIVATE KEY-----\n([^\n]+)/.exec(pem)?.[1] ?? ""],
      ["token", TOKEN],
      ["account's hash", passwordHash],
      ["probe's hash", /"passwordHash":"([^"]+)"/.exec(deployment)?.[1] ?? ""],
    ]);
    for (const secret of secrets.values()) expect(secret.length).toBeGreaterThan(8);
  }, IMAGE_MILLISECONDS);

  afterAll(() => stack[Symbol.asyncDispose]());

  const read = (...command: readonly string[]) =>
    readInMachine(stack.folder, stack.machineName, ...command);
  const leader = () => findLeader(stack.folder, stack.machineName) ?? 0;
  /** Names of the secrets that stand in a text. */
  const found = (text: string) =>
    [...secrets].filter(([, secret]) => text.includes(secret)).map(([name]) => name);

  describe("on the machine", () => {
    it("stand in no process's command line or environment", () => {
      const namespace = readlinkSync(`/proc/${String(leader())}/ns/pid`);
      const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
      const inside = processes.filter((pid) => linkOf(`/proc/${pid}/ns/pid`) === namespace);
      expect(inside.length).toBeGreaterThan(5);
      const texts = inside.map(
        (pid) => textOf(`/proc/${pid}/cmdline`) + textOf(`/proc/${pid}/environ`),
      );
      expect(texts.some((text) => text.includes(MACHINE_LAYOUT.settingsFile))).toBe(true);
      expect(texts.flatMap(found)).toEqual([]);
    });

    it("stand in no log", async () => {
      const journal = await read("journalctl", "--no-pager", "--output=export");
      // The journal is the right one, and a search in it finds things.
      expect(journal).toContain('"event":"loggedIn"');
      expect(journal).toContain('"code":530');
      expect(found(journal)).toEqual([]);
    });

    it("stand in the files made for them, and only there", async () => {
      const patterns = Object.fromEntries(
        [...secrets.values()].map((secret, index) => [`secret_${String(index)}`, secret]),
      );
      const { output } = await runInMachine(
        stack.folder,
        stack.machineName,
        `for name in \${!secret_*}; do
          grep -rlF --binary-files=text --devices=skip -e "\${!name}" ${FOLDERS.map((folder) => `/${folder}`).join(" ")} 2>/dev/null |
            sed "s|^|\${name#secret_} |"
        done; true`,
        patterns,
      );
      const names = [...secrets.keys()];
      const places = output
        .trim()
        .split("\n")
        .map((line) => /^(\d+) (.+)$/.exec(line))
        .map((match) => `${names[Number(match?.[1])] ?? "?"}: ${match?.[2] ?? ""}`)
        // Releases hold Node and our own code, which speak of tokens.
        .filter((place) => !place.startsWith(`token: ${MACHINE_LAYOUT.releases}/`));
      const files = await read("sh", "-c", `ls ${CERTIFICATE}/*.pem`);
      expect(places.toSorted()).toEqual(
        [
          ...files.split("\n").map((file) => `private key: ${file}`),
          `account's hash: ${MACHINE_LAYOUT.settingsFile}`,
          `probe's hash: ${MACHINE_LAYOUT.deploymentFile}`,
        ].toSorted(),
      );
      const modes = await read(
        "sh",
        "-c",
        `stat -c '%a %U:%G' ${CERTIFICATE}/*.pem ${MACHINE_LAYOUT.settingsFile} ${MACHINE_LAYOUT.deploymentFile}`,
      );
      expect([...new Set(modes.split("\n"))]).toEqual(["640 root:gangwayd"]);
    });
  });

  describe("in the cloud", () => {
    it("stand in no user data and no custom data", () => {
      const [machine] = stack.state.ofType("azure-native:compute:VirtualMachine");
      const data = [
        textAt(machine?.inputs, "osProfile", "customData"),
        textAt(machine?.inputs, "userData"),
      ].map((encoded) => Buffer.from(encoded ?? "", "base64").toString());
      expect(data[0]).toContain("#cloud-config");
      expect(data.flatMap(found)).toEqual([]);
    });

    it("stand in no resource, except in properties that the program marks as secret", () => {
      const places = stack.state
        .resources()
        .flatMap(({ type, name, inputs, outputs, secrets: marked }) => {
          const declared = textsOf(inputs)
            .filter(([path]) => !marked.some((secret) => path.startsWith(secret)))
            .map(([, text]) => text);
          // What Azure answers: a vault's secret is answered without its value.
          const answered = textsOf(outputs).map(([, text]) => text);
          return [...declared, ...answered]
            .flatMap(found)
            .map((what) => `${what}: ${type} ${name}`);
        });
      expect(places).toEqual([]);
      // The search finds what is there.
      const all = stack.state.resources().flatMap(({ inputs }) => textsOf(inputs));
      expect(all.flatMap(([, text]) => found(text))).toContain("private key");
    });

    it("stand in no output", () => {
      expect(found(JSON.stringify(stack.outputs))).toEqual([]);
      expect(at(stack.outputs, "publicAddress")).toBe(stack.address);
    });
  });
});

/** Every text inside a value, by its path as `secrets` of a resource write it. */
function textsOf(value: Value | undefined, path = ""): readonly (readonly [string, string])[] {
  if (typeof value === "string") return [[path, value]];
  if (Array.isArray(value)) {
    return value.flatMap((each: Value, index) => textsOf(each, `${path}[${String(index)}]`));
  }
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    textsOf(each, path === "" ? key : `${path}.${key}`),
  );
}

/** Empty for a process that has ended meanwhile, or is none of the lab's. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isGone(error)) return "";
    throw error;
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch (error) {
    if (isGone(error)) return "";
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    ["ENOENT", "ESRCH", "EACCES"].includes(String(error.code))
  );
}
