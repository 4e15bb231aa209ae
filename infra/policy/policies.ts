/** Every policy of the pack. */
import type { Policies } from "@pulumi/policy";
import { advertisedPorts } from "./advertised-ports.ts";
import { DeclaredDeliveries } from "./declared-deliveries.ts";
import { deliveredSettingsAgree, deliveredSettingsHold } from "./delivered-settings.ts";
import {
  imagesAreKnown,
  machinesAreHardened,
  rolesAreNarrow,
  storageIsPrivate,
  storageKeysAreOff,
  subnetsArePrivate,
  vaultsAreProtected,
} from "./hardening.ts";
import { inboundRules } from "./inbound-rules.ts";
import {
  healthProbeOfItsOwn,
  portsAreNotTranslated,
  resetOnIdle,
  ruleBudget,
  slicesDisjoint,
} from "./load-balancers.ts";
import { explicitDenyLast, noAdministrationFromInternet } from "./open-doors.ts";
import { publicAddressProtected, publicAddressStays } from "./public-address.ts";
import { alertsReachSomebody, productionIsCaredFor } from "./production-care.ts";
import { productionRequiresTls } from "./production-tls.ts";
import { userDataHoldsNoSecrets } from "./secrets.ts";
import { requiredTags } from "./tags.ts";
import { keepaliveBelowIdleTimeouts } from "./keepalive.ts";

/** Plain objects, so that tests call them without the pack's server. */
export function createPolicies(): Policies {
  const declared = new DeclaredDeliveries();
  return [
    deliveredSettingsHold(declared),
    inboundRules,
    noAdministrationFromInternet,
    explicitDenyLast,
    publicAddressStays,
    publicAddressProtected,
    slicesDisjoint,
    resetOnIdle,
    ruleBudget,
    portsAreNotTranslated,
    healthProbeOfItsOwn,
    subnetsArePrivate,
    machinesAreHardened,
    imagesAreKnown,
    userDataHoldsNoSecrets,
    storageIsPrivate,
    storageKeysAreOff,
    vaultsAreProtected,
    rolesAreNarrow,
    requiredTags,
    alertsReachSomebody,
    productionIsCaredFor,
    productionRequiresTls(declared),
    advertisedPorts(declared),
    keepaliveBelowIdleTimeouts(declared),
    deliveredSettingsAgree(declared),
  ];
}
