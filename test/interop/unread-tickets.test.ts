/**
 * Uploads over TLS 1.3 by clients that never read on the data connection. Were session tickets sent
 * there, closing would make the client's kernel answer them with RST, and the end of the file would
 * be lost.
 */
import { execFile, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isInstalled } from "../support/programs.ts";
import { startServer, type TestServer } from "../support/server.ts";

const run = promisify(execFile);
const BYTES = 20_000_003;
const ROUNDS = 2;

let server: TestServer;
let local: string;
let expected: string;

const hashOf = (file: string): string =>
  createHash("sha256").update(readFileSync(file)).digest("hex");

beforeAll(async () => {
  server = await startServer({ tls: true });
  local = join(server.folder, "local.bin");
  writeFileSync(local, randomBytes(BYTES));
  expected = hashOf(local);
});
afterAll(() => server[Symbol.asyncDispose]());

/** Writes all of the file with a full handshake of its own, and closes without a look at the answer. */
const PYTHON = `
import re, socket, ssl, sys
port, local, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl._create_unverified_context()
context.minimum_version = ssl.TLSVersion.TLSv1_3
control = socket.create_connection(("127.0.0.1", port), timeout=60)
def reply():
    line = b""
    while not line.endswith(b"\\n"): line += control.recv(1)
    return line.decode()
def command(text):
    control.sendall(text.encode() + b"\\r\\n")
    return reply()
reply(); command("AUTH TLS")
control = context.wrap_socket(control)
for line in ("USER alice", "PASS secret", "PBSZ 0", "PROT P", "TYPE I"): command(line)
port = int(re.search(r"\\|(\\d+)\\|", command("EPSV")).group(1))
data = socket.create_connection(("127.0.0.1", port), timeout=60)
assert command("STOR " + name).startswith("150")
data = context.wrap_socket(data, do_handshake_on_connect=True)
data.sendall(open(local, "rb").read())
data.close()
answer = reply()
assert answer.startswith("226"), answer
`;

const PERL = `
use Net::FTP;
my ($port, $local, $name) = @ARGV;
my $ftp = Net::FTP->new("127.0.0.1", Port => $port, SSL_verify_mode => 0, Passive => 1) or die $@;
$ftp->starttls or die $ftp->message;
$ftp->login("alice", "secret") or die $ftp->message;
$ftp->binary;
$ftp->put($local, $name) or die $ftp->message;
`;

const RUBY = `
require "net/ftp"
port, local, name = ARGV
ftp = Net::FTP.new("127.0.0.1", port: port.to_i, ssl: { verify_mode: 0 },
                   private_data_connection: true, username: "alice", password: "secret")
ftp.putbinaryfile(local, name)
`;

/** Those that are installed with TLS. */
const CLIENTS = [
  { name: "python", command: "python3", flag: "-c", script: PYTHON, probe: "import ssl" },
  {
    name: "perl",
    command: "perl",
    flag: "-e",
    script: PERL,
    probe: "use Net::FTP 3; use IO::Socket::SSL;",
  },
  {
    name: "ruby",
    command: "ruby",
    flag: "-e",
    script: RUBY,
    probe: "require 'net/ftp'; exit Net::FTP.instance_method(:initialize).arity < 0",
  },
].filter(({ command, flag, probe }) => spawnSync(command, [flag, probe]).status === 0);

it.each(CLIENTS)("loses nothing of what $name sends", async ({ name, command, flag, script }) => {
  for (let round = 0; round < ROUNDS; round++) {
    const remote = `${name}-${String(round)}.bin`;
    await run(command, [flag, script, String(server.controlPort), local, remote]);
    expect(hashOf(join(server.dataFolder, remote))).toBe(expected);
  }
});

it.skipIf(!isInstalled("python3"))("has Python to prove it with", () => {
  expect(CLIENTS.map(({ name }) => name)).toContain("python");
});
