/** What `npm start` prints once the stack is up. Pure. */
import { boundPorts, parseIpv4, type Settings } from "#contract";
import { isList, isRecord, listAt, textAt, type Properties, type Value } from "./cloud/values.ts";
import type { Credentials } from "./credentials.ts";
import type { Override } from "./stack-copy.ts";

/** Pads the columns of a table, the last one excepted. */
function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 2),
      )
      .join("")
      .trimEnd(),
  );
}

export function formatOverrides(overrides: readonly Override[]): string[] {
  return formatTable(
    overrides.map(({ setting, value, reason }) => [
      `  ${setting}`,
      typeof value === "string" ? value : JSON.stringify(value),
      reason,
    ]),
  );
}

/** The stack's own exposure table, layer by layer and rule by rule, as its output holds it. */
export function formatExposure(exposure: Value | undefined): string[] {
  if (!isList(exposure)) return ["  (the stack has no output named exposure)"];
  return formatTable([
    ["  layer", "what it lets through", "timeouts"],
    ...exposure.flatMap((row) => {
      const rules = textsAt(row, "rules");
      const lines = rules.length > 0 ? rules : [`ports ${textsAt(row, "ranges").join(", ")}`];
      return lines.map((line, index) =>
        index === 0
          ? [`  ${textAt(row, "layer") ?? ""}`, line, formatTimeouts(row)]
          : ["", line, ""],
      );
    }),
  ]);
}

function textsAt(row: Value, name: string): readonly string[] {
  return listAt(row, name).filter((each) => typeof each === "string");
}

function formatTimeouts(row: Value): string {
  if (!isRecord(row)) return "";
  const { idleTimeoutSeconds: idle, keepaliveSeconds: keepalive } = row;
  return [
    ...(typeof idle === "number" ? [`idle timeout ${String(idle)} s`] : []),
    ...(typeof keepalive === "number" ? [`keepalive ${String(keepalive)} s`] : []),
  ].join(", ");
}

export interface Connection {
  readonly address: string;
  readonly settings: Settings;
  readonly credentials: Credentials;
  /** Start of a command line for clients that do not reach the address from here. */
  readonly prefix: string;
}

/** URLs, login and commands to paste. The certificate is self-signed, so clients are told so. */
export function formatConnection(connection: Connection): string[] {
  const { address, settings, credentials, prefix } = connection;
  const { controlPort, implicitTlsPort } = settings;
  const { account, password } = credentials;
  const login = `${account}:${password}`;
  const explicit = `${address}:${String(controlPort)}`;
  const implicit =
    implicitTlsPort === undefined ? undefined : `${address}:${String(implicitTlsPort)}`;
  const upload = "--upload-file README.md";
  return [
    ...formatTable([
      ["  explicit TLS", `ftpes://${explicit}`],
      ...(implicit === undefined ? [] : [["  implicit TLS", `ftps://${implicit}`]]),
      ...boundPorts(settings.sites).map(({ channel, port }) =>
        channel === "control"
          ? ["  explicit TLS", `ftpes://${address}:${String(port)}`]
          : ["  implicit TLS", `ftps://${address}:${String(port)}`],
      ),
      ["  account", account],
      ["  password", password],
    ]),
    "",
    "Try it (the certificate is self-signed, hence the switches that accept it):",
    `  ${prefix}curl --insecure --ssl-reqd ${upload} ftp://${login}@${explicit}/`,
    `  ${prefix}curl --insecure --ssl-reqd ftp://${login}@${explicit}/`,
    ...(implicit === undefined ? [] : [`  ${prefix}curl --insecure ftps://${login}@${implicit}/`]),
    `  ${prefix}lftp -e 'set ssl:verify-certificate no; set ftp:ssl-force yes' -u ${account},${password} ftp://${explicit}`,
    `  ${prefix}filezilla ftpes://${login}@${explicit}`,
  ];
}

/** The address to connect to, out of the stack's outputs. */
export function addressOf(outputs: Properties, settings: Settings): string | undefined {
  if (settings.externalAddress !== "") return settings.externalAddress;
  const address = textAt(outputs, "publicAddress");
  return address === undefined || parseIpv4(address) === undefined ? undefined : address;
}
