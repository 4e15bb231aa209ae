/** What everyday clients do that no RFC asks for, or that few servers take as they should. */
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { isInstalled } from "../support/programs.ts";
import { client, dataPath, server, useLoggedInClient } from "./logged-in-client.ts";

useLoggedInClient({});

beforeAll(async () => {
  await mkdir(dataPath("folder"));
  await writeFile(dataPath("a.txt"), "a");
});

describe("CWD ~", () => {
  it("leads home, unless something has that name", async () => {
    await client.expect("CWD folder", 250);
    await client.expect("CWD ~", 250);
    expect((await client.expect("PWD", 257)).text).toMatch(/^257 "\/" /u);
    await client.expect("MKD ~", 257);
    await client.expect("CWD ~", 250);
    expect((await client.expect("PWD", 257)).text).toMatch(/^257 "\/~" /u);
    await client.expect("RMD /~", 250);
    expect(await client.code("CWD ~other")).toBe(550);
  });
});

it("takes OPTS UTF-8 for OPTS UTF8", async () => {
  await client.expect("OPTS UTF-8 NLST", 200);
  expect(await client.code("OPTS UTF-8 OFF")).toBe(504);
  const { text } = await client.expect("FEAT", 211);
  expect(text.match(/UTF/gu)).toHaveLength(1);
});

describe("urgent data", () => {
  /** Sends each part on the control connection of a session that uploads; what came back. */
  const abortWith = (parts: string): string => {
    const script = `
import re, socket
def connect(port): return socket.create_connection(("${server.host}", port))
control = connect(${String(server.controlPort)})
control.settimeout(10)
lines = control.makefile("r", newline="\\r\\n")
def say(line):
    control.sendall(line.encode() + b"\\r\\n")
    return lines.readline()
lines.readline(); say("USER alice"); say("PASS secret"); say("TYPE I")
data = connect(int(re.search(r"\\|\\|\\|(\\d+)", say("EPSV")).group(1)))
print(say("STOR cut.bin")[:3])
for urgent, part in ${parts}:
    if urgent: control.send(part, socket.MSG_OOB)
    else: control.sendall(part)
print(lines.readline()[:3]); print(lines.readline()[:3]); print(say("NOOP")[:3])
`;
    const { stdout, stderr } = spawnSync("python3", ["-c", script], { encoding: "utf8" });
    expect(stderr).toBe("");
    return stdout.trim().replaceAll(/\s+/gu, " ");
  };

  it.skipIf(!isInstalled("python3")).each([
    ["all of ABOR", `[(True, b"ABOR\\r\\n")]`],
    [
      "IAC IP, then DM, before ABOR",
      `[(False, b"\\xff\\xf4"), (True, b"\\xff\\xf2"), (False, b"ABOR\\r\\n")]`,
    ],
    ["IAC IP IAC, then DM with ABOR", `[(True, b"\\xff\\xf4\\xff"), (False, b"\\xf2ABOR\\r\\n")]`],
    ["IAC IP IAC DM, in the clear", `[(False, b"\\xff\\xf4\\xff\\xf2ABOR\\r\\n")]`],
  ])("%s ends the transfer, and the session goes on", (_what, parts) => {
    expect(abortWith(parts)).toBe("150 426 226 200");
  });
});

describe("globbing", () => {
  it("serves mget of old clients: NLST and LIST of a pattern, in another folder too", async () => {
    await writeFile(join(server.dataFolder, "folder", "x.txt"), "x");
    await writeFile(join(server.dataFolder, "folder", "y.bin"), "y");
    expect((await client.download("NLST *.txt")).data).toBe("a.txt\r\n");
    expect((await client.download("NLST folder/*.txt")).data).toBe("folder/x.txt\r\n");
    expect((await client.download("LIST -la folder/?.bin")).data).toMatch(/ y\.bin\r\n$/u);
    expect(await client.download("NLST *.none")).toEqual({ data: "", codes: [150, 226] });
  });
});
