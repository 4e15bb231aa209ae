/** What only a subscription can tell: everything that the design takes for granted and nobody has seen. */
import type { AzureAccess } from "../azure/access.ts";
import { notProvable, type Check, type Trial, type Verdict } from "../checks.ts";
import { proveFlowTimeout } from "./flow-timeout.ts";
import { proveManyRules, proveOnePortRules, proveTwoPools } from "./load-balancer.ts";
import { proveDataDisk, proveFrozenCustomData, proveRunCommandParameters } from "./machine.ts";
import { proveSharedKeys } from "./shared-keys.ts";

interface Fact extends Omit<Check, "run"> {
  readonly prove: (azure: AzureAccess, trial: Trial) => Promise<Verdict>;
}

const IN_AZURE: readonly Fact[] = [
  {
    name: "run-command-parameters",
    fact: "A Linux Run Command passes its named parameters to the script as environment variables",
    how: "a Run Command of its own prints the parameter that it was given",
    prove: proveRunCommandParameters,
  },
  {
    name: "data-disk",
    fact: "The data disk appears by its LUN under /dev/disk/azure on sizes with NVMe too",
    how: "the links and the mounted disk, read on the machine",
    prove: proveDataDisk,
  },
  {
    name: "custom-data",
    fact: "Azure refuses to change customData in place, so that a change has to replace the machine",
    how: "a request that changes it, which Azure has to refuse",
    prove: proveFrozenCustomData,
  },
  {
    name: "flow-timeout",
    fact: "flowTimeoutInMinutes of a virtual network cuts connections that are silent for so long",
    how: "a connection through the network, silent for less and for more than its four minutes",
    prove: (azure, trial) => proveFlowTimeout(trial, azure),
  },
  {
    name: "shared-keys",
    fact: "azure-native uploads blobs with the account's key, so storage has to allow shared keys",
    how: "shared keys switched off, and a changed setting to be uploaded",
    prove: (azure, trial) => proveSharedKeys(trial, azure),
  },
  {
    name: "one-port-rules",
    fact: "A load balancer takes NAT rules of version 2 whose range is one port",
    how: "a load balancer with four of them, in a resource group of its own",
    prove: proveOnePortRules,
  },
  {
    name: "two-pools",
    fact: "A network interface can be in two backend pools of one load balancer",
    how: "an interface in the pool of all and in one of its own",
    prove: proveTwoPools,
  },
  {
    name: "many-rules",
    fact: "A load balancer takes 1,280 NAT rules in one request (and how long that takes)",
    how: "one request with five slices of 256 ports, timed",
    prove: proveManyRules,
  },
];

export const FACTS: readonly Check[] = IN_AZURE.map(({ prove, ...fact }) => ({
  ...fact,
  run: async (trial) =>
    trial.azure === undefined
      ? notProvable("Only Azure can tell; this run was against the lab.")
      : prove(trial.azure, trial),
}));
