/** A home behind a symbolic link of the administrator's: each login goes where it leads by then. */
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { WireClient } from "../support/wire-client.ts";
import { dataPath, server, useLoggedInClient } from "./logged-in-client.ts";

useLoggedInClient({
  accounts: { alice: "secret", homely: "h" },
  homes: { homely: "/current" },
});

it("is the one that the link names when the client logs in", async () => {
  for (const version of ["v1", "v2"]) {
    await mkdir(dataPath(version));
    await writeFile(dataPath(`${version}/which`), version);
    await rm(dataPath("current"), { force: true });
    await symlink(version, dataPath("current"));
    await using client = await WireClient.open(server.host, server.controlPort);
    await client.login("homely", "h");
    expect((await client.download("RETR which")).data).toBe(version);
  }
});
