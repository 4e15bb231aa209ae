/** The subscription as the facts see it: the stack's resources, and a group for their own. */
import type { Engine } from "../engine.ts";
import { AcceptanceError } from "../errors.ts";
import { AzureRefused, recordOf, valueAt, type JsonRecord, type Management } from "./management.ts";

/** API versions of what is asked for; those of azure-native 3.28 where the program has the type. */
export const API = {
  groups: "2024-03-01",
  compute: "2024-11-01",
  network: "2024-05-01",
  storage: "2024-01-01",
} as const;

export interface AzureAccess {
  readonly management: Management;
  readonly location: string;
  /** Id of the only resource of a type. */
  idOf(type: string): Promise<string>;
  /** Id of a resource group of the facts' own, made at the first call; removed with the stack. */
  scratchGroup(): Promise<string>;
  /** Removes that group. Can be repeated. */
  removeScratch(): Promise<void>;
  /** Name of the group when it may be there. */
  readonly scratch: string | undefined;
  /** Runs a shell script as root on the stack's machine and returns what it wrote. */
  runOnMachine(script: readonly string[]): Promise<string>;
}

export interface AzureAccessOptions {
  readonly management: Management;
  readonly engine: Engine;
  readonly location: string;
  readonly subscriptionId: string;
  readonly stack: string;
  /** Of an earlier run, which may have left its group. */
  readonly resumed: boolean;
}

export const MACHINE = "azure-native:compute:VirtualMachine";
export const NETWORK = "azure-native:network:VirtualNetwork";
export const STORAGE_ACCOUNT = "azure-native:storage:StorageAccount";

const NOT_FOUND = 404;

export function openAzureAccess(options: AzureAccessOptions): AzureAccess {
  const { management, engine, location, subscriptionId, stack, resumed } = options;
  const name = `gangway-${stack}-facts`;
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${name}`;
  let made = resumed;
  const idOf = async (type: string): Promise<string> => {
    const [found, ...others] = (await engine.resources()).filter((each) => each.type === type);
    if (found === undefined || others.length > 0) {
      const count = found === undefined ? "no resource" : "more than one resource";
      throw new AcceptanceError(`The stack has ${count} ${type}.`);
    }
    return found.id;
  };
  return {
    management,
    location,
    idOf,
    async scratchGroup() {
      made = true;
      const body: JsonRecord = { location, tags: { purpose: "gangway acceptance, throw-away" } };
      await management.request("PUT", `${group}?api-version=${API.groups}`, body);
      return group;
    },
    async removeScratch() {
      if (!made) return;
      try {
        await management.request("DELETE", `${group}?api-version=${API.groups}`);
      } catch (error) {
        if (!(error instanceof AzureRefused && error.status === NOT_FOUND)) throw error;
      }
      made = false;
    },
    get scratch() {
      return made ? name : undefined;
    },
    async runOnMachine(script) {
      const machine = await idOf(MACHINE);
      const done = await management.request(
        "POST",
        `${machine}/runCommand?api-version=${API.compute}`,
        { commandId: "RunShellScript", script },
      );
      // By its location the action answers with the value itself, by its operation with an envelope.
      const output = recordOf(valueAt(done, "properties", "output"));
      const values = "value" in output ? output : recordOf(done);
      const message = valueAt(values["value"] ?? null, 0, "message");
      return typeof message === "string" ? message : JSON.stringify(done);
    },
  };
}
