import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { LocalDisk } from "../../../server/storage/local-disk.ts";
import { openMachineLocks, PROCESS_LOCKS } from "../../../server/storage/writer-locks.ts";

const busy = expect.objectContaining({ kind: "busy" });
const MODULE = fileURLToPath(new URL("../../../server/storage/writer-locks.ts", import.meta.url));

/** Another process that holds the lock of a path until it is told to go, or killed. */
async function holdElsewhere(path: string) {
  const script = `
    import { openMachineLocks } from ${JSON.stringify(MODULE)};
    let held;
    try { held = openMachineLocks().claim(${JSON.stringify(path)}); process.stdout.write("held"); }
    catch (error) { process.stdout.write(error.kind); }
    process.stdin.once("data", () => { held?.[Symbol.dispose](); process.stdout.write("released"); });
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const said = async (): Promise<string> => String((await once(child.stdout, "data"))[0]);
  return {
    outcome: await said(),
    release: async (): Promise<string> => {
      const answer = said();
      child.stdin.write("go");
      return answer;
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

describe("writer locks", () => {
  it("admit one writer of a path in a process", () => {
    {
      using _held = PROCESS_LOCKS.claim("/a");
      expect(() => PROCESS_LOCKS.claim("/a")).toThrow(busy);
      PROCESS_LOCKS.claim("/b")[Symbol.dispose]();
    }
    PROCESS_LOCKS.claim("/a")[Symbol.dispose]();
  });

  it.skipIf(process.platform !== "linux")(
    "admit one writer on a machine, and vanish with their process",
    async () => {
      const locks = openMachineLocks();
      const path = `/writer-locks-test/${String(process.pid)}`;
      {
        using _ours = locks.claim(path);
        expect(() => locks.claim(path)).toThrow(busy);
        await using other = await holdElsewhere(path);
        expect(other.outcome).toBe("busy");
      }
      {
        await using other = await holdElsewhere(path);
        expect(other.outcome).toBe("held");
        expect(() => locks.claim(path)).toThrow(busy);
        expect(await other.release()).toBe("released");
        locks.claim(path)[Symbol.dispose]();
      }
      {
        await using other = await holdElsewhere(path);
        expect(other.outcome).toBe("held");
      }
      // Killed.
      locks.claim(path)[Symbol.dispose]();
    },
  );

  it.skipIf(process.platform !== "linux")(
    "keep two processes from writing, renaming and removing one file",
    async () => {
      const folder = realpathSync(mkdtempSync(join(tmpdir(), "locks-")));
      try {
        const storage = await LocalDisk.open(folder, { sharedByProcesses: true });
        {
          await using upload = await storage.openWrite("/a", { kind: "replace" });
          await upload.commit();
        }
        await using other = await holdElsewhere(join(folder, "a"));
        expect(other.outcome).toBe("held");
        for (const operation of [
          () => storage.openWrite("/a", { kind: "replace" }),
          () => storage.openWrite("/a", { kind: "append" }),
          () => storage.rename("/a", "/b"),
          () => storage.removeFile("/a"),
        ]) {
          await expect(operation()).rejects.toMatchObject({ kind: "busy" });
        }
        await other.release();
        await storage.removeFile("/a");
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
