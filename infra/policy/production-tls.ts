/** What production sends in the clear, site by site, as it is delivered to the machine. */
import type { StackValidationPolicy } from "@pulumi/policy";
import { planSiteTls } from "../../server/contract/index.ts";
import type { DeclaredDeliveries } from "./declared-deliveries.ts";
import { ENVIRONMENT_CONFIG } from "./each-resource.ts";

interface Config {
  readonly environment?: string;
  readonly clearSites?: readonly string[];
}

/** Judges every site that clients reach, with what it has of its own. */
export function productionRequiresTls(declared: DeclaredDeliveries): StackValidationPolicy {
  return {
    name: "production-requires-tls",
    description:
      "In production, control and data connections of every site require TLS: otherwise passwords and files can be read on the way.",
    enforcementLevel: "mandatory",
    configSchema: {
      properties: {
        ...ENVIRONMENT_CONFIG.properties,
        clearSites: {
          type: "array",
          items: { type: "string" },
          default: [],
          description: "Sites for clients that cannot do TLS, by name.",
        },
      },
    },
    validateStack: ({ getConfig }, reportViolation) => {
      const { environment, clearSites = [] } = getConfig<Config>();
      if (environment !== "prod") return;
      for (const { urn, server } of declared.settings()) {
        for (const { name, tls } of server.sites) {
          if (clearSites.includes(name)) continue;
          const { controlPolicy, dataPolicy } = planSiteTls(server.tls, tls);
          const clear = Object.entries({ controlPolicy, dataPolicy })
            .filter(([, policy]) => policy !== "require")
            .map(([setting, policy]) => `tls.${setting} ${policy}`);
          if (clear.length === 0) continue;
          reportViolation(
            `Site ${name} lets clients go without TLS: ${clear.join(", ")}. Set require, or list the site in the policy's clearSites.`,
            urn,
          );
        }
      }
    },
  };
}
