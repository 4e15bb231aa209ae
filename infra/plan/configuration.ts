/** The stack's configuration, from Pulumi's flat map of texts to settings. */
import {
  ContractError,
  parseSettings,
  SECRET_SETTINGS,
  settingsSchema,
  type Settings,
} from "#contract";

/** Schema types whose values Pulumi hands over as they are; all others come as JSON. */
const PLAIN_TEXT: ReadonlySet<string> = new Set(["string", "picklist"]);

/**
 * Parses the settings of `project` out of the whole configuration (`runtime.allConfig()`), so that
 * names which nobody knows are found as well.
 *
 * @throws ContractError naming setting, value and fix of everything that is wrong.
 */
export function parseConfiguration(
  configuration: Readonly<Record<string, string>>,
  project: string,
): Settings {
  return parseSettings(readDeclared(configuration, project));
}

/** The declared settings, without the secrets, each as the value that its text stands for. */
export function readDeclared(
  configuration: Readonly<Record<string, string>>,
  project: string,
): Readonly<Record<string, unknown>> {
  const prefix = `${project}:`;
  return Object.fromEntries(
    Object.entries(configuration)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, text]) => [key.slice(prefix.length), text] as const)
      .filter(([name]) => !(name in SECRET_SETTINGS))
      .map(([name, text]) => [name, readValue(name, text)]),
  );
}

function readValue(name: string, text: string): unknown {
  if (PLAIN_TEXT.has(typeOf(name))) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    // Not JSON: the schema says what it should have been.
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function typeOf(name: string): string {
  const entries: Readonly<Record<string, { readonly wrapped: { readonly type: string } }>> =
    settingsSchema.entries;
  return entries[name]?.wrapped.type ?? "unknown";
}

/** The finding for a deployment whose probe has no password. */
export function missingProbePassword(stack: string): ContractError {
  return new ContractError([
    {
      setting: "probePassword",
      value: "(missing)",
      problem: "is needed by the probe that proves each deployment",
      fix: `set one: pulumi config set --secret probePassword VALUE --stack ${stack}; or switch the probe off: pulumi config set --path probe.mode off --stack ${stack}`,
    },
  ]);
}

/** The finding for alerts that nobody would receive. */
export function missingAlertReceiver(stack: string): ContractError {
  return new ContractError([
    {
      setting: "monitoring.emailAddresses",
      value: "(empty)",
      problem: "leaves nobody who is told of alerts in production",
      fix: `name somebody: pulumi config set --path 'monitoring.emailAddresses[0]' NAME@EXAMPLE.COM --stack ${stack}; or set a webhook: pulumi config set --secret alertWebhookUri URI --stack ${stack}`,
    },
  ]);
}
