/** Every check of a run, in the order of the report. */
import type { Check } from "../check.ts";
import type { Expectations } from "../options.ts";
import { planBoundPortsCheck } from "./bound-ports.ts";
import { planConnectionChecks } from "./connection.ts";
import { planEdgeCheck } from "./edge-ports.ts";
import { planIdleCheck } from "./idle.ts";
import { planLayersCheck } from "./layers.ts";
import { planOutsideCheck } from "./outside-ports.ts";
import { planPassiveChecks } from "./passive.ts";
import { planPolicyChecks } from "./policy.ts";
import { planTlsChecks } from "./tls.ts";
import { planTransferChecks } from "./transfer.ts";

/** Checks that the declaration does not ask for are planned too, and say so when they run. */
export function planChecks(expected: Expectations): readonly Check[] {
  const { clearCredentials, clearData } = planPolicyChecks(expected);
  return [
    ...planConnectionChecks(expected),
    ...planTlsChecks(expected),
    ...planBoundPortsCheck(expected),
    clearCredentials,
    ...planPassiveChecks(expected),
    ...planTransferChecks(),
    clearData,
    planEdgeCheck(expected),
    planOutsideCheck(expected),
    planLayersCheck(),
    ...planIdleCheck(expected),
  ];
}
