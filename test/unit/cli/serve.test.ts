import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, it } from "vitest";
import { freePorts } from "../../support/free-ports.ts";

const GANGWAY = join(import.meta.dirname, "../../../cli/gangway.mjs");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gangway-serve-"));
  await mkdir(join(folder, "data"));
});
afterEach(() => rm(folder, { recursive: true }));

it("serve runs the server, passes signals on, and ends when it has drained", async () => {
  const [controlPort = 0] = await freePorts("127.0.0.1", 3);
  const settings = join(folder, "settings.json");
  await writeFile(
    settings,
    JSON.stringify({
      listen: { controlPort },
      passive: { ports: `${String(controlPort + 1)}-${String(controlPort + 2)}` },
      dataFolder: "data",
    }),
  );
  const server = spawn(
    process.execPath,
    [GANGWAY, "serve", "--settings", settings, "--host", "127.0.0.1"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = once(server, "close");
  for await (const line of createInterface(server.stdout)) {
    if (line.includes('"listening"')) break;
  }
  const client = connect(controlPort, "127.0.0.1").setEncoding("utf8");
  const [greeting] = await once(client, "data");
  expect(greeting).toMatch(/^220[ -]/);
  client.destroy();
  server.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});

it("serve ends with 1 and names the setting when the settings do not hold", async () => {
  const settings = join(folder, "settings.json");
  await writeFile(
    settings,
    JSON.stringify({
      listen: { controlPrt: 21 },
      passive: { ports: "50000-50001" },
      dataFolder: "x",
    }),
  );
  const server = spawn(process.execPath, [GANGWAY, "serve", "--settings", settings]);
  let error = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => (error += text));
  const [exitCode] = await once(server, "close");
  expect(error).toContain("did you mean controlPort");
  expect(error).not.toMatch(/^\s+at /m);
  expect(exitCode).not.toBe(0);
});
