/** Whether `flowTimeoutInMinutes` of a virtual network cuts silent connections, as its name says. */
import { MACHINE_LAYOUT, parseSettings } from "#contract";
import { API, NETWORK, type AzureAccess } from "../azure/access.ts";
import { recordOf, valueAt, type JsonRecord } from "../azure/management.ts";
import { proven, refuted, type Trial, type Verdict } from "../checks.ts";
import { AcceptanceError } from "../errors.ts";
import { dialEcho, echoProgram, type EchoConnection } from "./echo.ts";

/** The least that Azure takes. */
const SHORT_MINUTES = 4;
const SHORT_SILENCE_SECONDS = 120;
const LONG_SILENCE_SECONDS = 390;
const LISTENER_SECONDS = 1200;
const PUBLIC_ADDRESS = "azure-native:network:PublicIPAddress";

/**
 * Sets the network's timeout to four minutes while that of the address stays far above, and leaves a
 * connection through both silent: first for two minutes, then for six and a half.
 */
export async function proveFlowTimeout(
  trial: Trial,
  azure: AzureAccess,
  dial: (host: string, port: number) => Promise<EchoConnection> = dialEcho,
): Promise<Verdict> {
  const { management } = azure;
  const networkId = `${await azure.idOf(NETWORK)}?api-version=${API.network}`;
  const addressId = `${await azure.idOf(PUBLIC_ADDRESS)}?api-version=${API.network}`;
  const network = recordOf(await management.request("GET", networkId));
  const address = await management.request("GET", addressId);
  const host = valueAt(address, "properties", "ipAddress");
  const minutes = Number(valueAt(address, "properties", "idleTimeoutInMinutes"));
  if (typeof host !== "string") throw new AcceptanceError("The public address has no address yet.");
  if (!(minutes * 60 > LONG_SILENCE_SECONDS)) {
    throw new AcceptanceError(
      `The address cuts after ${String(minutes)} minutes itself, so the network's part cannot be told apart.`,
    );
  }
  const port = parseSettings(trial.settings).passivePorts.last;
  await azure.runOnMachine([
    `systemd-run --unit=gangway-fact --collect ${MACHINE_LAYOUT.current}/bin/node -e '${echoProgram(port, LISTENER_SECONDS)}'`,
    "sleep 2",
  ]);
  await management.request("PUT", networkId, withTimeout(network, SHORT_MINUTES));
  try {
    using connection = await dial(host, port);
    if (!(await connection.answers())) {
      throw new AcceptanceError(
        `The listener on port ${String(port)} of the machine does not answer.`,
      );
    }
    await trial.wait(SHORT_SILENCE_SECONDS);
    const livesOn = await connection.answers();
    await trial.wait(LONG_SILENCE_SECONDS);
    const outlives = await connection.answers();
    const seen = `Timeout of the network ${String(SHORT_MINUTES)} min, of the address ${String(minutes)} min. After ${String(SHORT_SILENCE_SECONDS)} s of silence the connection ${livesOn ? "lived" : "was dead"}, after ${String(LONG_SILENCE_SECONDS)} s more it ${outlives ? "lived" : "was dead"}.`;
    return livesOn && !outlives ? proven(seen) : refuted(seen);
  } finally {
    await management.request("PUT", networkId, network);
    await azure.runOnMachine(["systemctl stop gangway-fact || true"]);
  }
}

function withTimeout(network: JsonRecord, flowTimeoutInMinutes: number): JsonRecord {
  return { ...network, properties: { ...recordOf(network["properties"]), flowTimeoutInMinutes } };
}
