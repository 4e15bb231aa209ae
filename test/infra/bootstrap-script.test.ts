/**
 * The Run Command's script really runs here, in a folder instead of the machine's root. Stand-ins
 * are what a machine has and this one may not; curl fetches from a folder.
 */
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { renderBootstrapScript } from "../../infra/machine/bootstrap-script.ts";
import type { MachineLayout } from "../../infra/machine/layout.ts";
import { layoutBelow } from "./delivery-machine.ts";

const run = promisify(execFile);

const NOTHING = [
  "apt-get",
  "chronyd",
  "cloud-init",
  "mountpoint",
  "nft",
  "openssl",
  "unattended-upgrade",
  "zstd",
];
const STAND_INS = {
  ...Object.fromEntries(NOTHING.map((name) => [name, "true"])),
  curl: `target=\${@: -2:1} url=\${!#}
cat >>"$MACHINE/headers"
case $url in
  *169.254.169.254*) name=token ;;
  *) name=\${url##*/} ;;
esac
echo "$name" >>"$MACHINE/fetched"
cp "$MACHINE/blobs/$name" "$target"`,
};

/** What the release brings: it shows what it was given, and keeps it for the test to see. */
const DELIVER = `#!/bin/bash
echo "staged: $(ls "$2" | tr '\\n' ' ')" >"$MACHINE/delivered"
find "$MACHINE" -name deployment.json >>"$MACHINE/delivered"
`;

const sha256 = (data: Buffer | string) => createHash("sha256").update(data).digest("hex");

describe.runIf(process.platform === "linux")("the Run Command's script", () => {
  let machine: string;
  let layout: MachineLayout;
  let parameters: Record<string, string>;

  beforeEach(async () => {
    machine = await mkdtemp(join(tmpdir(), "gangway-bootstrap-"));
    layout = layoutBelow(machine);
    for (const folder of ["bin", "blobs", "content"]) await mkdir(join(machine, folder));
    for (const [name, body] of Object.entries(STAND_INS)) {
      const file = join(machine, "bin", name);
      await writeFile(file, `#!/bin/bash\n${body}\n`);
      await chmod(file, 0o755);
    }
    await writeFile(join(machine, "content/deliver.sh"), DELIVER);
    const archive = join(machine, "blobs/server");
    spawnSync("tar", ["-C", join(machine, "content"), "-cf", archive, "."]);
    await writeFile(join(machine, "blobs/settings"), "{}");
    await writeFile(join(machine, "blobs/token"), '{"access_token":"t0ken","expires_in":"1"}');
    const hash = sha256(await readFile(archive));
    parameters = {
      serverUrl: "https://store.example/server",
      serverSha256: hash,
      // The same bytes stand in for the runtime.
      runtimeUrl: "https://store.example/server",
      runtimeSha256: hash,
      settingsUrl: "https://store.example/settings",
      settingsSha256: sha256("{}"),
      certificates: "[]",
      identityClientId: "client",
      deploymentSecret: "secret",
    };
  });

  afterEach(() => rm(machine, { recursive: true, force: true }));

  const deliver = () =>
    run("bash", ["-c", renderBootstrapScript("0123", layout)], {
      env: {
        ...parameters,
        PATH: `${join(machine, "bin")}:/usr/bin:/bin:/usr/sbin:/sbin`,
        MACHINE: machine,
      },
    });
  const read = (name: string) => readFile(join(machine, name), "utf8");

  it("stages in memory what is secret, and leaves nothing but the release", async () => {
    await deliver();
    const [staged, ...found] = (await read("delivered")).trim().split("\n");
    expect(staged).toBe("staged: certificates.json deployment.json machine-settings.json ");
    expect(found).toHaveLength(1);
    expect(found[0]?.startsWith(`${layout.stagingFolder}/`)).toBe(true);
    expect(await readdir(layout.stagingFolder)).toEqual([]);
    const releases = await readdir(layout.releases);
    expect(releases).toHaveLength(1);
    expect(releases[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(await read("headers")).toContain("Authorization: Bearer t0ken");
  });

  it("removes what a killed delivery has left", async () => {
    const left = [join(layout.releases, ".delivery-abcdef/staging"), `${layout.stagingFolder}/abc`];
    for (const folder of left) {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "key.pem"), "key");
    }
    await deliver();
    expect(await readdir(layout.stagingFolder)).toEqual([]);
    expect(await readdir(layout.releases)).toHaveLength(1);
  });

  it.each([
    ["fails", () => rm(join(machine, "blobs/token"))],
    ["is none", () => writeFile(join(machine, "blobs/token"), '{"error":"invalid_request"}')],
  ])("ends at a token that %s, and asks the store for nothing", async (_what, spoil) => {
    await spoil();
    await expect(deliver()).rejects.toMatchObject({ code: 1 });
    expect(await read("fetched")).toBe("token\n");
    expect(await readdir(layout.releases)).toEqual([]);
    expect(await readdir(layout.stagingFolder)).toEqual([]);
  });

  it("unpacks nothing that is not what the stack delivered", async () => {
    parameters["serverSha256"] = sha256("another");
    await expect(deliver()).rejects.toMatchObject({
      stderr: expect.stringContaining("SHA-256 differs") as string,
    });
    expect(await readdir(layout.releases)).toEqual([]);
  });
});
