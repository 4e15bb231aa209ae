/** Starts the pack. */
import { PolicyPack } from "@pulumi/policy";
import { createPolicies } from "./policies.ts";

// Its constructor starts the pack's server.
void new PolicyPack("gangway", { policies: createPolicies() });
