import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureSystemPackages, missingPackages } from "../../../scripts/system-packages.mjs";

const NOWHERE = "gangway-package-that-nobody-has";

let folder: string;
const path = process.env["PATH"];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gangway-packages-"));
  process.env["PATH"] = [folder, path].join(delimiter);
});
afterEach(async () => {
  process.env["PATH"] = path;
  await rm(folder, { recursive: true });
});

async function addCommand(name: string, mode = 0o755): Promise<void> {
  await writeFile(join(folder, name), "#!/bin/sh\n");
  await chmod(join(folder, name), mode);
}

describe("system packages", () => {
  it("are known by their command, which may have another name", async () => {
    expect(missingPackages([NOWHERE])).toEqual([NOWHERE]);
    await addCommand(NOWHERE);
    await addCommand("nft");
    expect(missingPackages([NOWHERE, "nftables"])).toEqual([]);
  });

  it("are missing when their file cannot be executed", async () => {
    await addCommand(NOWHERE, 0o644);
    expect(missingPackages([NOWHERE])).toEqual([NOWHERE]);
  });

  it("are only named when nobody asked to install them", async () => {
    expect(await ensureSystemPackages([NOWHERE], { install: false })).toEqual({
      missing: [NOWHERE],
      installed: [],
    });
  });

  it("that are all there need no installer", async () => {
    await addCommand(NOWHERE);
    const lines: string[] = [];
    const report = (line: string) => void lines.push(line);
    expect(await ensureSystemPackages([NOWHERE], { install: true, report })).toEqual({
      missing: [],
      installed: [],
    });
    expect(lines).toEqual([]);
  });
});
