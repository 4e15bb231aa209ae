/** Facts about the machine: how parameters reach a Run Command, where disks appear, what is frozen. */
import { randomBytes } from "node:crypto";
import { MACHINE_LAYOUT } from "#contract";
import { API, MACHINE, type AzureAccess } from "../azure/access.ts";
import { AzureRefused, valueAt } from "../azure/management.ts";
import { notProvable, proven, refuted, type Verdict } from "../checks.ts";

const PARAMETER = "gangwayFact";

/** Creates a Run Command of its own, reads what its script saw, and deletes it. */
export async function proveRunCommandParameters(azure: AzureAccess): Promise<Verdict> {
  const { management } = azure;
  const command = `${await azure.idOf(MACHINE)}/runCommands/gangway-fact`;
  const query = `api-version=${API.compute}`;
  const value = randomBytes(8).toString("hex");
  await management.request("PUT", `${command}?${query}`, {
    location: azure.location,
    properties: {
      source: { script: `printf 'seen:%s' "$${PARAMETER}"` },
      parameters: [{ name: PARAMETER, value }],
      timeoutInSeconds: 120,
    },
  });
  try {
    const view = await management.request("GET", `${command}?$expand=instanceView&${query}`);
    const output = valueAt(view, "properties", "instanceView", "output");
    const seen = `The parameter ${PARAMETER} was ${value}; the script's output: ${JSON.stringify(output)}`;
    return output === `seen:${value}` ? proven(seen) : refuted(seen);
  } finally {
    await management.request("DELETE", `${command}?${query}`);
  }
}

/** Looks for the links that the first boot waits for, and for the kind of disk behind them. */
export async function proveDataDisk(azure: AzureAccess): Promise<Verdict> {
  const seen = await azure.runOnMachine([
    "ls -l /dev/disk/azure/data/by-lun /dev/disk/azure/scsi1 2>&1",
    `findmnt --noheadings --output SOURCE,TARGET ${MACHINE_LAYOUT.dataFolder}`,
    "lsblk --nodeps --noheadings --output NAME,TRAN,SIZE",
  ]);
  const isLinked = /\b(?:lun)?0 -> /.test(seen);
  const isMounted = seen.includes(MACHINE_LAYOUT.dataFolder);
  if (!isLinked || !isMounted) return refuted(seen);
  if (/\/dev\/nvme/.test(seen)) return proven(seen);
  return notProvable(
    `The disk is there, but this size attaches it by SCSI. Take a size with NVMe, for example --size Standard_D2s_v6 --only data-disk.\n${seen}`,
  );
}

/** Asks for other customData; nothing changes whatever Azure answers, as it is read at the first boot. */
export async function proveFrozenCustomData(azure: AzureAccess): Promise<Verdict> {
  const machine = await azure.idOf(MACHINE);
  const customData = Buffer.from("#cloud-config\n# gangway acceptance\n").toString("base64");
  try {
    await azure.management.request("PATCH", `${machine}?api-version=${API.compute}`, {
      properties: { osProfile: { customData } },
    });
  } catch (error) {
    if (!(error instanceof AzureRefused)) throw error;
    if (error.code !== "PropertyChangeNotAllowed" && error.status !== 409) throw error;
    return proven(`Azure refused: ${error.message}`);
  }
  return refuted("Azure took the changed customData of a running machine.");
}
