import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";

const GANGWAY = join(import.meta.dirname, "../../../cli/gangway.mjs");
const COMMANDS = [
  "bundle",
  "exposure",
  "hash-password",
  "lab",
  "make-certificate",
  "serve",
  "verify",
];

interface Ended {
  readonly exitCode: number | null;
  readonly output: string;
  readonly error: string;
}

async function gangway(args: readonly string[], input = ""): Promise<Ended> {
  const child = spawn(process.execPath, [GANGWAY, ...args]);
  child.stdin.end(input);
  const [output, error, exitCode] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on("close", resolve)),
  ]);
  return { exitCode, output, error };
}

describe("help", () => {
  it("lists every command", async () => {
    const { exitCode, output } = await gangway(["--help"]);
    expect(exitCode).toBe(0);
    for (const name of COMMANDS) expect(output).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(output).toContain("Exit codes: 0 ok");
  });

  it.each(COMMANDS)("of %s says what it takes", async (name) => {
    const { exitCode, output, error } = await gangway([name, "--help"]);
    expect(error).toBe("");
    expect(output).toContain(`Usage: gangway ${name}`);
    expect(exitCode).toBe(0);
    expect((await gangway(["help", name])).output).toBe(output);
  });

  it("is what an empty command line gets, with the version beside it", async () => {
    expect((await gangway([])).output).toContain("Usage: gangway");
    expect((await gangway(["--version"])).output).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("wrong usage ends with 2, in lines without a stack", () => {
  it.each([
    [["expsure"], '"expsure" is not a command of gangway; did you mean exposure?'],
    [["zzzzzzzzzz"], "it knows exposure, lab"],
    [["bundle", "--architecture", "mips"], "Allowed choices are x64, arm64"],
    [["bundle", "--arhcitecture", "x64"], "Did you mean --architecture?"],
    [["make-certificate"], "--names"],
    [["make-certificate", "--names", "a..b"], 'names: "a..b" is neither a DNS name'],
    [["make-certificate", "--names", "a", "--days", "0"], "from 1 to 36500"],
    [["serve"], "--settings"],
    [["hash-password", "--stdin"], "The password is empty"],
    [["hash-password"], "pass it with --stdin"],
    [["exposure", "--set", "passivePort=1"], "did you mean passivePorts"],
    [["exposure", "--stack", "none"], "has no file Pulumi.none.yaml"],
  ])("%j", async (args, message) => {
    const { exitCode, output, error } = await gangway(args);
    expect(error).toContain(message);
    expect(error).not.toMatch(/^\s+at /m);
    expect(output).toBe("");
    expect(exitCode).toBe(2);
  });

  it("a missing file is a finding, not a bug", async () => {
    const { exitCode, error } = await gangway(["exposure", "--compare", "/nowhere.json"]);
    expect(error).toBe("/nowhere.json: no such file or folder\n");
    expect(exitCode).toBe(1);
  });
});

describe("commands", () => {
  it("hash-password prints a hash of the first line, salted anew each time", async () => {
    const [first, second] = await Promise.all([
      gangway(["hash-password", "--stdin"], "open sesame\nrest"),
      gangway(["hash-password", "--stdin"], "open sesame\r\n"),
    ]);
    expect(first.output).toMatch(
      /^\$scrypt\$ln=\d+,r=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+\n$/,
    );
    expect(first.exitCode).toBe(0);
    expect(second.output).not.toBe(first.output);
  });

  it("make-certificate prints the certificate, then its key", async () => {
    const { output } = await gangway(["make-certificate", "--names", "ftp.example.org, 127.0.0.1"]);
    expect(output).toMatch(
      /^-----BEGIN CERTIFICATE-----[\s\S]+-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----\n$/,
    );
    expect(new X509Certificate(output).subjectAltName).toBe(
      "DNS:ftp.example.org, IP Address:127.0.0.1",
    );
  });

  it("make-certificate --json says the same in parts", async () => {
    const { output } = await gangway(["make-certificate", "--names", "a.example", "--json"]);
    const made: unknown = JSON.parse(output);
    expect(made).toMatchObject({
      certificate: expect.stringContaining("BEGIN CERTIFICATE"),
      key: expect.stringContaining("BEGIN PRIVATE KEY"),
      fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
    });
  });
});
