/** Real clients against the server: whole trees, byte by byte, in every TLS mode. */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Client } from "basic-ftp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isInstalled } from "../support/programs.ts";
import { startServer, type TestServer } from "../support/server.ts";

type Mode = "plain" | "explicit" | "implicit";
const MODES: readonly Mode[] = ["plain", "explicit", "implicit"];
const FILES = 200;
const TIMEOUT_MS = 120_000;

let server: TestServer;
let tree: string;
let scratch: string;
let expected: ReadonlyMap<string, string>;

beforeAll(async () => {
  server = await startServer({ tls: true, passivePorts: 100 });
  scratch = await mkdtemp(join(tmpdir(), "gangway-clients-"));
  tree = join(scratch, "tree");
  const names = ["plain", "with space", "ümläut", "日本", "-dash", 'quote"s', "[brackets]", "100%"];
  for (let index = 0; index < FILES; index++) {
    const folder = join(tree, `folder ${String(index % 7)}`, `sub${String(index % 3)}`);
    await mkdir(folder, { recursive: true });
    const name = `${names[index % names.length] ?? "x"} ${String(index)}.bin`;
    await writeFile(join(folder, name), randomBytes((index * 997) % 20_000));
  }
  await writeFile(join(tree, "empty"), "");
  await writeFile(join(tree, "large.bin"), randomBytes(9_000_001));
  expected = await digest(tree);
}, TIMEOUT_MS);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

/** Path → SHA-256 of every file below a folder. */
async function digest(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const pairs = await Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const hash = createHash("sha256").update(await readFile(path));
      return [relative(folder, path), hash.digest("hex")] as const;
    }),
  );
  return new Map(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

async function run(command: string, args: readonly string[], input = ""): Promise<string> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}: ${errors}\n${output}`);
  return output;
}

const port = (mode: Mode): number =>
  mode === "implicit" ? server.implicitTlsPort : server.controlPort;

describe.each(MODES)("%s", (mode) => {
  const remote = (client: string): string => `${client}-${mode}`;

  async function expectStored(client: string): Promise<void> {
    expect(await digest(join(server.dataFolder, remote(client)))).toEqual(expected);
  }

  it.skipIf(!isInstalled("lftp")).each(["S", "Z"])(
    "lftp mirrors a tree there and back in MODE %s",
    async (letter) => {
      const name = `lftp-${letter}`;
      const back = join(scratch, `${name}-${mode}`);
      const url =
        mode === "implicit"
          ? `ftps://127.0.0.1:${String(port(mode))}`
          : `ftp://127.0.0.1:${String(port(mode))}`;
      const script = [
        "set ssl:verify-certificate no",
        `set ftp:ssl-allow ${mode === "plain" ? "no" : "yes"}`,
        `set ftp:ssl-force ${mode === "plain" ? "no" : "yes"}`,
        "set ftp:ssl-protect-data yes",
        `set ftp:use-mode-z ${letter === "Z" ? "yes" : "no"}`,
        "set net:max-retries 1",
        "set cmd:fail-exit yes",
        `open -u alice,secret ${url}`,
        `mirror -R --parallel=4 "${tree}" ${remote(name)}`,
        `mirror --parallel=4 ${remote(name)} "${back}"`,
        "bye",
      ].join("; ");
      await run("lftp", ["-c", script]);
      await expectStored(name);
      expect(await digest(back)).toEqual(expected);
    },
    TIMEOUT_MS,
  );

  it(
    "basic-ftp uploads and downloads a tree",
    async () => {
      const client = new Client(30_000);
      try {
        await client.access({
          host: "127.0.0.1",
          port: port(mode),
          user: "alice",
          password: "secret",
          secure: mode === "plain" ? false : mode === "implicit" ? "implicit" : true,
          secureOptions: { rejectUnauthorized: false },
        });
        await client.ensureDir(remote("basic"));
        await client.uploadFromDir(tree);
        const back = join(scratch, `basic-${mode}`);
        await client.downloadToDir(back, `/${remote("basic")}`);
        expect(await digest(back)).toEqual(expected);
      } finally {
        client.close();
      }
      await expectStored("basic");
    },
    TIMEOUT_MS,
  );

  it.skipIf(!isInstalled("curl"))(
    "curl uploads and downloads, in PASV and EPSV, and resumes",
    async () => {
      const scheme = mode === "implicit" ? "ftps" : "ftp";
      const url = `${scheme}://127.0.0.1:${String(port(mode))}/${remote("curl")}/`;
      const common = ["-sS", "-u", "alice:secret", "-k", "--max-time", "60"];
      if (mode === "explicit") common.push("--ssl-reqd");
      const source = join(tree, "large.bin");
      for (const passive of ["--disable-epsv", "--ftp-pasv"]) {
        const name = `large${passive}.bin`;
        await run("curl", [...common, passive, "--ftp-create-dirs", "-T", source, `${url}${name}`]);
        const got = join(scratch, `curl-${mode}${passive}`);
        await run("curl", [...common, passive, "-o", got, `${url}${name}`]);
        expect((await readFile(got)).equals(await readFile(source))).toBe(true);
        await writeFile(got, (await readFile(source)).subarray(0, 1_000_000));
        await run("curl", [...common, passive, "-C", "-", "-o", got, `${url}${name}`]);
        expect((await readFile(got)).equals(await readFile(source))).toBe(true);
      }
      const listing = await run("curl", [...common, "-l", url]);
      expect(listing.split(/\r?\n/).filter(Boolean).toSorted()).toEqual([
        "large--disable-epsv.bin",
        "large--ftp-pasv.bin",
      ]);
    },
    TIMEOUT_MS,
  );

  it.skipIf(!isInstalled("python3"))(
    "python's ftplib uploads and downloads a tree",
    async () => {
      const back = join(scratch, `python-${mode}`);
      const args = [mode, String(port(mode)), tree, remote("python"), back];
      await run("python3", ["-", ...args], PYTHON);
      await expectStored("python");
      expect(await digest(back)).toEqual(expected);
    },
    TIMEOUT_MS,
  );
});

const PYTHON = `
import ftplib, os, ssl, sys
mode, port, tree, remote, back = sys.argv[1:]

class Implicit(ftplib.FTP_TLS):
    _sock = None
    @property
    def sock(self): return self._sock
    @sock.setter
    def sock(self, value):
        if value is not None and not isinstance(value, ssl.SSLSocket):
            value = self.context.wrap_socket(value)
        self._sock = value

context = ssl._create_unverified_context()
if mode == "plain": ftp = ftplib.FTP(encoding="utf-8")
elif mode == "explicit": ftp = ftplib.FTP_TLS(context=context, encoding="utf-8")
else: ftp = Implicit(context=context, encoding="utf-8")
ftp.connect("127.0.0.1", int(port), timeout=30)
ftp.login("alice", "secret")
if mode != "plain": ftp.prot_p()

ftp.mkd(remote)
for folder, folders, files in os.walk(tree):
    at = os.path.relpath(folder, tree)
    base = remote if at == "." else remote + "/" + at
    for name in folders: ftp.mkd(base + "/" + name)
    for name in files:
        with open(os.path.join(folder, name), "rb") as file:
            ftp.storbinary("STOR " + base + "/" + name, file)

def fetch(path, target):
    os.makedirs(target, exist_ok=True)
    for name, facts in list(ftp.mlsd(path)):
        if facts["type"] == "dir": fetch(path + "/" + name, os.path.join(target, name))
        elif facts["type"] == "file":
            with open(os.path.join(target, name), "wb") as file:
                ftp.retrbinary("RETR " + path + "/" + name, file.write)
            assert ftp.size(path + "/" + name) == os.path.getsize(os.path.join(target, name))
fetch(remote, back)
names = ftp.nlst(remote)
assert remote + "/empty" in names, names
ftp.cwd(remote)
assert ftp.pwd() == "/" + remote
ftp.quit()
`;
