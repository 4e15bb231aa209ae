/** What two parts have to agree on stands in the contract, and nowhere else. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { METADATA_ADDRESS, METADATA_API_VERSION, PROBE_PASSWORD_VARIABLE } from "#contract";
import { readModules } from "./modules.ts";

const FOLDERS = ["acceptance", "certificates", "cli", "infra", "lab", "probe", "scripts", "server"];
const modules = readModules(join(import.meta.dirname, "../.."), FOLDERS);

it.each([METADATA_ADDRESS, METADATA_API_VERSION, PROBE_PASSWORD_VARIABLE])(
  "%s is written once",
  (name) => {
    const writers = modules.filter(({ text }) => text.includes(name)).map(({ path }) => path);
    expect(writers).toEqual(["server/contract/shared-names.ts"]);
  },
);
