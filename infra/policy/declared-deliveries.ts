/**
 * What the stack delivers to its machines, remembered while the engine shows each resource's
 * declaration. Policies over the whole stack see resources as the cloud answers, and the cloud
 * returns neither the content of a blob nor a protected parameter.
 */
import { createHash } from "node:crypto";
import {
  deploymentSchema,
  parseWith,
  serverSettingsSchema,
  type Deployment,
  type ServerSettings,
} from "../../server/contract/index.ts";
import { isAzureType, isProperties, known, objectsIn, textOf } from "./resource-facts.ts";

/** A settings blob, decoded. */
export interface DeliveredSettings {
  readonly urn: string;
  readonly sha256: string;
  readonly server: ServerSettings;
  readonly guestFirewall: string;
  readonly sysctl: string;
}

/** A Run Command that brings settings to a machine. */
export interface Delivery {
  readonly urn: string;
  readonly settingsSha256: string;
  /** Undefined while a preview does not know it. */
  readonly deployment: Deployment | undefined;
}

export class DeclaredDeliveries {
  readonly #settings = new Map<string, DeliveredSettings>();
  readonly #deliveries = new Map<string, Delivery>();

  settings(): readonly DeliveredSettings[] {
    return [...this.#settings.values()];
  }

  deliveries(): readonly Delivery[] {
    return [...this.#deliveries.values()];
  }

  /**
   * Remembers what a declared resource delivers, if it does.
   *
   * @throws ContractError when it looks like settings of ours, but does not hold.
   */
  async remember(type: string, urn: string, props: Readonly<Record<string, unknown>>) {
    if (isAzureType(type, "storage:Blob")) await this.#rememberBlob(urn, props);
    if (isAzureType(type, "compute:VirtualMachineRunCommandByVirtualMachine")) {
      this.#rememberDelivery(urn, props);
    }
  }

  async #rememberBlob(urn: string, props: Readonly<Record<string, unknown>>): Promise<void> {
    const text = await contentOf(props["source"]);
    const content = text === undefined ? undefined : parseJson(text);
    if (text === undefined || !isProperties(content) || !("guestFirewall" in content)) return;
    this.#settings.set(urn, {
      urn,
      sha256: createHash("sha256").update(text, "utf8").digest("hex"),
      server: parseWith(serverSettingsSchema, content["server"]),
      guestFirewall: textOf(content["guestFirewall"]) ?? "",
      sysctl: textOf(content["sysctl"]) ?? "",
    });
  }

  #rememberDelivery(urn: string, props: Readonly<Record<string, unknown>>): void {
    const settingsSha256 = known(() => parameterOf(props["parameters"], "settingsSha256"));
    if (settingsSha256 === undefined) return;
    const deployment = known(() => parameterOf(props["protectedParameters"], "deploymentSecret"));
    this.#deliveries.set(urn, {
      urn,
      settingsSha256,
      deployment:
        deployment === undefined ? undefined : parseWith(deploymentSchema, parseJson(deployment)),
    });
  }
}

async function contentOf(source: unknown): Promise<string | undefined> {
  const asset = unwrap(source);
  if (typeof asset !== "object" || asset === null || !("text" in asset)) return undefined;
  // A string asset holds a promise of its text.
  return textOf(await asset.text);
}

/** Property by which the policy SDK's proxies give out what they wrap; its types do not name it. */
const WRAPPED = "__getSpecialProxyTarget";

/** The value inside the proxies that watch for unknown and secret ones: promises need it bare. */
function unwrap(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const target: unknown = Reflect.get(value, WRAPPED);
  return target === undefined ? value : unwrap(target);
}

function parameterOf(parameters: unknown, name: string): string | undefined {
  const found = objectsIn(parameters).find((parameter) => parameter["name"] === name);
  return textOf(found?.["value"]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
