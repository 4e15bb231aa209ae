import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ServerSettings } from "#contract";
import { parseArguments } from "../../../server/startup/arguments.ts";
import { Reloader } from "../../../server/startup/reload.ts";
import type { Serving } from "../../../server/startup/serving.ts";
import { readSettings } from "../../../server/startup/settings-files.ts";

const DECLARED = {
  listen: { controlPort: 2121 },
  passive: { ports: "50000-50009" },
  dataFolder: ".",
};

async function openFolder() {
  const folder = await mkdtemp(join(tmpdir(), "gangway-reload-"));
  const file = join(folder, "settings.json");
  return {
    args: parseArguments(["--settings", file]),
    declare: (by: object) => writeFile(file, JSON.stringify({ ...DECLARED, ...by })),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

function openLogger() {
  const events: string[] = [];
  const logger = {
    log: (_level: string, event: string) => void events.push(event),
    with: () => logger,
  };
  return { events, logger };
}

/** Takes whatever it gets. */
function openServing(first: ServerSettings): Serving {
  let settings = first;
  const done = (): Promise<void> => Promise.resolve();
  return {
    get settings() {
      return settings;
    },
    workers: 1,
    sessions: 0,
    outlived: false,
    countReload: () => undefined,
    replace: (next) => {
      settings = next;
      return done();
    },
    report: () => {
      throw new Error("nobody asks");
    },
    drain: done,
    close: done,
  };
}

test("a folder that cannot be watched stops no later reload, nor the former watch", async () => {
  await using folder = await openFolder();
  await folder.declare({});
  const { events, logger } = openLogger();
  const serving = openServing(await readSettings(folder.args));
  using reloader = new Reloader({ args: folder.args, serving, logger });
  await folder.declare({ tls: { certificateFile: "not/there/certificate.pem" } });
  await reloader.reload();
  expect(events).toContain("filesNotWatched");
  await folder.declare({ activeMode: true });
  await expect.poll(() => serving.settings.activeMode, { timeout: 10_000 }).toBe(true);
  await folder.declare({ activeMode: false });
  await reloader.reload();
  expect(serving.settings.activeMode).toBe(false);
});
