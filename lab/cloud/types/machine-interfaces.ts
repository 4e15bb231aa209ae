/** The network interfaces of a machine. */
import { ArmError } from "../errors.ts";
import { sameId } from "../identifiers.ts";
import { configurationsOf, idAt, NETWORK_INTERFACE, referenced } from "../references.ts";
import { normalizeRegion } from "../regions.ts";
import type { PutRequest } from "../resource-type.ts";
import { listAt, textAt } from "../values.ts";
import { machineOf } from "./network-interface.ts";

/** Refuses interfaces that are missing, taken, or whose public address stands in another zone. */
export function refuseInterfaces(request: PutRequest): void {
  const { id, inputs, state } = request;
  const interfaces = listAt(inputs, "networkProfile", "networkInterfaces");
  if (interfaces.length === 0) {
    throw new ArmError(
      "InvalidParameter",
      `Virtual machine ${id} must have at least one network interface. Target: networkProfile.`,
    );
  }
  const region = normalizeRegion(textAt(inputs, "location") ?? "");
  for (const item of interfaces) {
    const nicId = textAt(item, "id") ?? "";
    const nic = referenced(state, { id, region }, { id: nicId, type: NETWORK_INTERFACE });
    const other = machineOf(nicId, state);
    if (other !== undefined && !sameId(other.id, id)) {
      throw new ArmError(
        "NicInUse",
        `Network Interface ${nicId} is used by existing resource ${other.id}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.`,
      );
    }
    for (const configuration of configurationsOf(nic)) {
      const address = state.find(idAt(configuration, "publicIPAddress") ?? "");
      if (address !== undefined) refuseZone(request, address.id, listAt(address.inputs, "zones"));
    }
  }
}

function refuseZone(
  { id, inputs }: PutRequest,
  addressId: string,
  addressZones: readonly unknown[],
): void {
  const machineZones = listAt(inputs, "zones");
  const [zone] = machineZones;
  if (zone === undefined || addressZones.includes(zone)) return;
  throw new ArmError(
    "ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint",
    `Compute resource ${id} has a zone constraint ${String(zone)} but the PublicIPAddress ${addressId} used by the compute resource via NetworkInterface or LoadBalancer has a different zone constraint ${addressZones.length === 0 ? "Regional" : addressZones.join(",")}.`,
  );
}
